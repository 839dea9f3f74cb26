"""Mating by quorum."""

from __future__ import annotations

import math

from edgesynth.errors import UserError

ROUNDING = 1e-9  # of products such as 5 * 0.6, which is to be 3


class QuorumRite:
    """A cluster or synapse is offered if at least m chi of the m parents have it (arXiv 1811.07966, section 2).

    Args:
        chi: share of the parents; in (0, 1]. At 1 it is the intersection, at 1/m or less the union.
    """

    def __init__(self, chi: float) -> None:
        if not 0 < chi <= 1:
            raise UserError(f"quorum is {chi}; it must be above 0 and at most 1 (0.6 is the default)")
        self.chi = chi

    def needed(self, parents: int) -> int:
        """See `Rite.needed`."""
        return max(1, math.ceil(parents * self.chi - ROUNDING))
