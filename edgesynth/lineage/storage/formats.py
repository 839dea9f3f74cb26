"""The files of facts in a run, by their schema: what is read is held to it, and is of no other type afterwards.

Values are checked as they are: a text is no number. What a schema does not name may stand in a file, and is kept.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from edgesynth.lineage.individual.individual import NAME
from edgesynth.lineage.individual.measurement import Figures
from edgesynth.lineage.storage.reading import DamagedError
from edgesynth.quantization import PRECISIONS

Read = TypeVar("Read")
Count = Annotated[int, Field(ge=0, lt=1 << 63)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=rf"^{NAME.pattern}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=1, lt=1 << 31)]
Length = Annotated[int, Field(ge=0, lt=1 << 31)]  # of a weight that may be gone with a branch


class _Facts(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class Layer(_Facts):
    """One layer of a census; all of it becomes a `LayerCensus`, so it has nothing else."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    shape: tuple[Length, ...]
    synapses: Count
    clusters: Count
    macs: Count
    sparse_macs: Count


class Counts(_Facts):
    """A census; the totals are computed from its layers, and only compared."""

    layers: tuple[Layer, ...]
    params: Count
    sparse_bytes: Count
    activation_macs: Count


class Nurture(_Facts):
    """What is read of a nurture."""

    epochs: Count = 0
    losses: list[float] = []
    died: str = ""
    lost: bool = False
    proxy: bool = False
    grown: bool = True
    weight_bits: Count = 0
    first: dict[str, Any] = {}


class Synthesis(_Facts):
    """What is read of a synthesis."""

    weights_sha256: Sha256 | None = None


class Content(_Facts):
    """A file beside the record."""

    bytes: Count
    sha256: Sha256


class IndividualFile(_Facts):
    """`individual.json`."""

    model_config = ConfigDict(extra="forbid")

    schema_: Literal[2] = Field(alias="schema")
    name: Name
    generation: Annotated[int, Field(ge=0, le=999)]
    child: Annotated[int, Field(ge=0, le=9999)]
    parents: tuple[Name, ...]
    validation: float
    feasible: bool
    census: Counts
    synthesis: Synthesis
    nurture: Nurture
    threads: Annotated[int, Field(ge=1, le=1024)]
    bred_by: Sha256
    genome: Sha256
    files: dict[str, Content]


class Mask(_Facts):
    """Synapses of one weight, packed."""

    shape: Annotated[list[Size], Field(max_length=8)]
    deflated_bits: str


class GenomeFile(_Facts):
    """`genome.json`."""

    model_config = ConfigDict(extra="forbid")

    schema_: Literal[1] = Field(alias="schema")
    clusters: dict[str, list[Count]]
    synapses: dict[str, Mask]
    precision: dict[str, Literal[PRECISIONS]] = {}  # type: ignore[valid-type]


class Predicted(_Facts):
    """A prediction of the cost model."""

    board: str
    mode: str
    precision: str
    batch: Count
    latency_ms: Finite
    images_per_joule: Finite | None
    error: Finite | None
    energy_error: Finite | None


class Measured(_Facts):
    """`measured.json`."""

    breeding_s: Seconds | None = None
    latency_ms: Seconds | None = None
    predicted: Predicted | None = None


class Outcome(_Facts):
    """`outcome.json`."""

    stopped: str = ""
    reason: str = ""
    best: Name | None = None
    min_accuracy: Finite | None = None
    ancestor_validation: float | None = None
    front: dict[str, list[Name]] = {}
    weight_bits: Count | None = None


class Sample(_Facts):
    """A few images of a split."""

    labels_sha256: str
    means: list[float]


class TaskFile(_Facts):
    """`task.json`."""

    name: str
    metric: str
    unit: str = "percent"
    labels: list[str]
    images: dict[str, Count]
    notes: list[str] = []
    samples: dict[str, Sample]


TESTED = TypeAdapter(dict[Name, float])
EXTRA_METRICS = TypeAdapter(dict[Name, dict[str, float]])
FIGURES = TypeAdapter(Figures)


def held_to(schema: type[BaseModel] | TypeAdapter[Read], path: Path, data: dict[str, Any]) -> Any:
    """Hold the content of a file to its schema.

    Returns:
        What a `TypeAdapter` makes of it; the data as they were for a model.

    Raises:
        DamagedError: they differ; the first place is named.
    """
    try:
        # As JSON, in which a list may stand for a tuple and no text for a number.
        text = json.dumps(data)
        if isinstance(schema, TypeAdapter):
            return schema.validate_json(text, strict=True)
        schema.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "its content"
        what = "is missing" if first["type"] == "missing" else f"is {_short(first['input'])}: {first['msg'].lower()}"
        raise DamagedError(path, f"{place} {what}") from None
    return data


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
