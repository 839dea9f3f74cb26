"""Mating by intersection: the first of the mating rituals (arXiv 1709.02043)."""

from __future__ import annotations


class IntersectionRite:
    """A cluster or synapse is offered if every parent has it: one that lacks it makes the product of strengths zero."""

    def needed(self, parents: int) -> int:
        """See `Rite.needed`."""
        return parents
