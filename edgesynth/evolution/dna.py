"""DNA: the probability model that a parent passes on.

P(H_g | H_{g-1}) is a product over clusters and their synapses (Deep Learning with Darwin, eq. 1-2; Evolution in Groups,
eq. 1), each factor the exponential of a viability.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from edgesynth.evolution.allocation import Allocation, allocate
from edgesynth.evolution.strength import Normaliser, Parent, build_strength
from edgesynth.evolution.yardstick import Yardstick

Encoding = Literal["synapse", "cluster"]


@dataclass(frozen=True)
class Dna:
    """Viabilities: logarithms of the probabilities that the environment has yet to multiply.

    Attributes:
        clusters: {cluster group: (size,)}; empty in the synapse encoding, where a cluster dies with its synapses.
        synapses: {weight: tensor of the ancestor's shape}; empty where none will be drawn.
    """

    clusters: dict[str, Tensor]
    synapses: dict[str, Tensor]


def encode(
    parent: Parent,
    encoding: Encoding,
    strength: str,
    normaliser: Normaliser = "max",
    allocation: Allocation = "strength",
    synapses: bool = True,
) -> Dna:
    """Encode a parent, synapse by synapse or by clusters and the synapses within.

    Args:
        parent: who is encoded.
        encoding: what the DNA speaks of.
        strength: one of `STRENGTHS`.
        normaliser: see `MagnitudeStrength`.
        allocation: what a cluster's probability will be divided by, so that the strength itself must not; see `priced`.
        synapses: whether any will be drawn; measuring what they are worth takes as long as for clusters.
    """
    model = build_strength(strength, normaliser, costs_elsewhere=allocation != "strength")
    return Dna(model.clusters(parent) if encoding == "cluster" else {}, model.synapses(parent) if synapses else {})


def priced(dna: Dna, parent: Parent, allocation: Allocation, budgets: Mapping[str, float], yardstick: Yardstick) -> Dna:
    """The DNA with every cluster's probability divided by what the cluster costs in this parent; see `allocate`."""
    return Dna(allocate(parent, dna.clusters, allocation, budgets, yardstick), dna.synapses)
