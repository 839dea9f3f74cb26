"""Mating: what several parents pass on together (Mating Rituals, arXiv 1709.02043; Gene Tagging, arXiv 1811.07966).

A rite says how many of the parents must have a cluster or synapse (`quorum`, `intersection`). `gene_pool` gives the
candidates, `mean_dna` their viabilities, `mean_state` the weights that an offspring inherits. With one parent all three
give that parent back. Genomes live in the ancestor's index space, so that the same cluster of two parents is found at
the same place: genes are tagged.

Adding a rite means adding a file and a line to `build_rite`.
"""

from __future__ import annotations

from typing import Protocol

from edgesynth.evolution.synthesis.mating.dna import mean_dna
from edgesynth.evolution.synthesis.mating.intersection import IntersectionRite
from edgesynth.evolution.synthesis.mating.mean_state import mean_state
from edgesynth.evolution.synthesis.mating.pool import gene_pool, no_more_than
from edgesynth.evolution.synthesis.mating.quorum import QuorumRite
from edgesynth.lineage import Config

__all__ = [
    "IntersectionRite",
    "QuorumRite",
    "Rite",
    "build_rite",
    "gene_pool",
    "mean_dna",
    "mean_state",
    "no_more_than",
]


class Rite(Protocol):
    """Decides what the parents have in common."""

    def needed(self, parents: int) -> int:
        """Of so many parents, how many must have a cluster or synapse for an offspring to be offered it."""
        ...


def build_rite(config: Config) -> Rite:
    """The rite that a configuration names."""
    return IntersectionRite() if config.mating == "intersection" else QuorumRite(config.quorum)
