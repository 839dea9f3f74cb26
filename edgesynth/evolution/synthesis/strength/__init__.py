"""Strength: what makes a synapse or a cluster likely to be passed on.

A strength turns the parent into viabilities: numbers at most 0, one for each synapse and each cluster, of which the DNA
takes the exponential. One of one's own is a class anywhere, given as `package.module:Class`; one that has a name is a
file here, a line in `STRENGTHS` and its name in `Config`.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.evolution.synthesis.strength.fisher import FisherStrength
from edgesynth.evolution.synthesis.strength.imported import ImportedStrength
from edgesynth.evolution.synthesis.strength.lamp import LampStrength
from edgesynth.evolution.synthesis.strength.magnitude import MagnitudeStrength, Normalizer
from edgesynth.evolution.synthesis.strength.norm import NormStrength
from edgesynth.evolution.synthesis.strength.parent import Parent
from edgesynth.evolution.synthesis.strength.random import RandomStrength
from edgesynth.evolution.synthesis.strength.taylor import TaylorStrength

__all__ = [
    "STRENGTHS",
    "FisherStrength",
    "ImportedStrength",
    "LampStrength",
    "MagnitudeStrength",
    "NormStrength",
    "Normalizer",
    "Parent",
    "RandomStrength",
    "Strength",
    "TaylorStrength",
    "build_strength",
]


class Strength(Protocol):
    """Weighs a parent."""

    def synapses(self, parent: Parent) -> dict[str, Tensor]:
        """{weight: viability of the ancestor's shape, at most 0}."""
        ...

    def clusters(self, parent: Parent) -> dict[str, Tensor]:
        """{removable group: (size,) viability, at most 0}."""
        ...


STRENGTHS: dict[str, type[Strength]] = {
    "magnitude": MagnitudeStrength,
    "norm": NormStrength,
    "lamp": LampStrength,
    "fisher": FisherStrength,
    "taylor": TaylorStrength,
    "random": RandomStrength,
}


def build_strength(name: str, normalizer: Normalizer = "max", costs_elsewhere: bool = False) -> Strength:
    """The strength of a name.

    Args:
        name: one of `STRENGTHS`, or `package.module:Class`.
        normalizer: Z of those strengths that have one in each layer.
        costs_elsewhere: an allocation divides by what clusters cost, so the strength itself must not.

    Raises:
        UserError: a normalizer was given to a strength that has no use for it, or a class cannot be imported or is no
            strength.
    """
    model = STRENGTHS.get(name)
    if model is not None and issubclass(model, MagnitudeStrength):
        return model(normalizer=normalizer)
    if normalizer != "max":
        raise UserError(
            f"--normalizer is {normalizer} and --strength {name} has no Z of a layer to set; "
            "leave --normalizer out, or use --strength magnitude or norm"
        )
    if model is None:
        return ImportedStrength(name)
    return FisherStrength(per_synapse=not costs_elsewhere) if model is FisherStrength else model()
