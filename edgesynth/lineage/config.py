"""The configuration of a run: resolved, validated, versioned, kept as `config.toml`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgesynth.errors import UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Config(BaseModel):
    """Everything that an individual is a function of, besides its parents and its place.

    Each field stands for the option of the same name on the command line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    ancestor: str = Field("lenet5", description="network to start from")
    task: str = Field("digits", description="data, loss and metric")
    data_root: Path | None = Field(None, description="folder of the task's data")
    generations: int = Field(6, ge=1, le=999, description="generations to breed at most")
    offspring: int = Field(
        2, ge=1, le=99, description="offspring a generation; the best by validation is the next parent"
    )
    strategy: Literal["heredity", "generative"] = Field(
        "heredity", description="offspring drawn from their parent's DNA, or from a generator that an inquisitor moves"
    )
    search: Literal["inquisitor", "random", "cross-entropy"] = Field(
        "inquisitor", description="generative: what moves the generator (the last two are controls)"
    )
    probes: int = Field(8, ge=2, le=999, description="generative: networks generated and scored a generation")
    probe_epochs: int = Field(1, ge=0, le=10000, description="generative: epochs of a generated network's nurture")
    encoding: Literal["synapse", "cluster"] = Field("cluster", description="what the DNA speaks of")
    environment: Literal["faithful", "calibrated"] = Field(
        "calibrated", description="the papers' rule, or solved for --keep"
    )
    strength: Literal["magnitude", "fisher", "random"] = Field("fisher", description="what makes a synapse strong")
    temperature: float = Field(
        0.1, gt=0, le=10, description="calibrated draws: lower is closer to keeping the strongest"
    )
    keep: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="calibrated: share of synapses expected to survive a generation; faithful: the factor F",
    )
    keep_clusters: float | None = Field(
        None,
        gt=0,
        le=1,
        description="the same for clusters (unset: calibrated, the square root of keep; faithful, keep)",
    )
    min_accuracy: float | None = Field(
        None, ge=0, le=100, description="floor on validation accuracy, percent; the ancestor's less 1"
    )
    max_synapses: int | None = Field(None, ge=1, description="budget: stop when an individual has at most so many")
    max_clusters: int | None = Field(None, ge=1, description="budget: stop when an individual has at most so many")
    max_macs: int | None = Field(None, ge=1, description="budget: stop when an individual has at most so many")
    ancestor_epochs: int = Field(20, ge=0, le=10000, description="epochs of the ancestor's training")
    epochs: int = Field(4, ge=0, le=10000, description="epochs of an offspring's nurture")
    final_epochs: int = Field(12, ge=0, le=10000, description="epochs for an offspring that meets every budget")
    batch_size: int = Field(128, ge=1, description="images a step")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="AdamW's rate at the start of a cosine")
    seed: int = Field(0, ge=0, lt=1 << 63, description="source of every random draw")

    @property
    def budgets(self) -> dict[str, int]:
        """{name of a census total: most that is allowed}."""
        given = {"synapses": self.max_synapses, "clusters": self.max_clusters, "macs": self.max_macs}
        return {name: budget for name, budget in given.items() if budget is not None}

    def to_toml(self) -> str:
        """TOML text; what is unset is left out."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def resolve(config_file: Path | None, given: dict[str, Any]) -> Config:
    """Defaults, overlaid by the file, overlaid by what was given on the command line.

    Raises:
        UserError: the file cannot be read, a name is unknown or a value is out of its range.
    """
    source = {**(_read(config_file) if config_file else {}), **given}
    try:
        return Config(**source)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        option = f"--{name.replace('_', '-')}"
        if first["type"] == "extra_forbidden":
            raise UserError(
                f"{config_file} sets {name!r}, which is not an option; the options are {', '.join(Config.model_fields)}"
            ) from None
        raise UserError(f"{option} is {first['input']}; {_allowed(name, first['msg'])}") from None


def _allowed(name: str, message: str) -> str:
    field = Config.model_fields[name]
    text = message[0].lower() + message[1:]
    return f"{text.replace('input should', 'it must')} (default {field.default}: {field.description})"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"--config {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"--config {path} is not TOML: {error}") from None
