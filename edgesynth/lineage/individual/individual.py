"""Individual: one network of a lineage, as it stands in its folder."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor

from edgesynth.anatomy import Census
from edgesynth.lineage.individual.genome import Genome
from edgesynth.lineage.individual.measurement import Figures

SCHEMA = 2
NAME = re.compile(r"g(\d{3,})-c(\d+)")


def individual_name(generation: int, child: int) -> str:
    """`g003-c1` for child 1 of generation 3."""
    return f"g{generation:03d}-c{child}"


@dataclass(frozen=True)
class Record:
    """What `individual.json` says: facts that a replay gives again, bit for bit; no clock enters it.

    The file says besides with how many threads of the CPU it was bred, by which options, and what its other files hold.
    No seed is in it: every draw for it comes from `lineage.generator(seed, generation, child, purpose)`, with
    the seed of the run's configuration.

    Attributes:
        generation: 0 for the ancestor.
        child: place among its siblings.
        parents: names of its parents.
        validation: the task's metric on the held-out validation split (percent).
        feasible: whether it meets the accuracy floor; the ancestor always does, or its run does not go on.
        census: counts of what is alive.
        synthesis: how its genome was drawn: counts that were expected and drawn, what the sweep took, and what mating,
            patience and variation had to do with it; in a run that measures, by what the prediction of each budget was
            corrected (`correction`) and what it is then predicted to be measured at (`predicted`); of generative
            synthesis, every network probed and what was found. DNA and environment are not kept: they are a function of
            the parents' files and the configuration.
        nurture: how it was trained: epochs, losses; `proxy` where it had the short nurture of a first round alone;
            `grown`, in a run that measures, whether it had the last nurture; `first`, where it had the last one because
            it met every budget by what the one before rounded to zero, that one; `died` says why, if it did, and its
            weights are then those that it inherited; `lost` where that was no fault of its own, but its workers died.
    """

    generation: int
    child: int
    parents: tuple[str, ...]
    validation: float
    feasible: bool
    census: Census
    synthesis: dict[str, Any] = field(default_factory=dict)
    nurture: dict[str, Any] = field(default_factory=dict)

    @property
    def died(self) -> str:
        """Why it did not live through its nurture; empty if it did."""
        return str(self.nurture.get("died", ""))

    @property
    def lost(self) -> bool:
        """Whether it died because no worker lived to nurture it, which says nothing of the network."""
        return bool(self.nurture.get("lost"))

    @property
    def name(self) -> str:
        """Its name within the run, such as `g003-c1`."""
        return individual_name(self.generation, self.child)

    @property
    def proxy(self) -> bool:
        """Whether it had the short nurture alone by which its siblings were preferred."""
        return bool(self.nurture.get("proxy"))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"schema": SCHEMA, "name": self.name, **asdict(self), "census": self.census.to_json()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Record:
        """The record that `to_json` wrote."""
        fields = {name: data[name] for name in cls.__dataclass_fields__}
        return cls(**{**fields, "parents": tuple(data["parents"]), "census": Census.from_json(data["census"])})


@dataclass(frozen=True)
class Individual:
    """A record with its genome and weights.

    Attributes:
        record: facts.
        genome: what is alive, in the ancestor's index space.
        weights: state of the network after removal; at a precision below fp32 the rounded weights themselves.
        scales: {"<layer>.weight_scale": (out,), "<layer>.input_scale": ()} of layers at int8 and below; every weight is
            a whole multiple of its output channel's scale.
        rewind: the ancestor's state early in its training, if its offspring are to begin there.
        measured: what a replay will not give again: seconds of synthesis and of nurture, device and number format.
        figures: what was measured of it on the machine that its run aims at; None where it was not.
        files: what else its folder is to hold, {name: content}, such as what its strategy has learned; not read back.
    """

    record: Record
    genome: Genome
    weights: dict[str, Tensor]
    scales: dict[str, Tensor] = field(default_factory=dict)
    rewind: dict[str, Tensor] | None = None
    measured: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    figures: Figures | None = None

    @property
    def name(self) -> str:
        """Its name within the run."""
        return self.record.name
