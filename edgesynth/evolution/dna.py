"""DNA: the probability model that a parent passes on.

P(H_g | H_{g-1}) is a product over clusters and their synapses (Deep Learning with Darwin, eq. 1-2; Evolution in Groups,
eq. 1), each factor the exponential of a viability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from edgesynth.evolution.strength import STRENGTHS, Parent

Encoding = Literal["synapse", "cluster"]


@dataclass(frozen=True)
class Dna:
    """Viabilities: logarithms of the probabilities that the environment has yet to multiply.

    Attributes:
        clusters: {cluster group: (size,)}; empty in the synapse encoding, where a cluster dies with its synapses.
        synapses: {weight: tensor of the ancestor's shape}.
    """

    clusters: dict[str, Tensor]
    synapses: dict[str, Tensor]


def encode(parent: Parent, encoding: Encoding, strength: str) -> Dna:
    """Encode a parent, synapse by synapse or by clusters and the synapses within."""
    model = STRENGTHS[strength]()
    return Dna(model.clusters(parent) if encoding == "cluster" else {}, model.synapses(parent))
