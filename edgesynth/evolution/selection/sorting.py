"""Non-dominated sorting (NSGA-II, section III.A)."""

from __future__ import annotations

from collections.abc import Sequence

from edgesynth.evolution.selection.domination import Standing, dominates


def sorted_fronts(standings: Sequence[Standing]) -> list[list[int]]:
    """Peel the fronts off: the first is not dominated, the second by the first alone, and so on.

    Returns:
        Indices into `standings`, front by front, ascending within each; every index once.
    """
    beaten_by = [
        {index for index, other in enumerate(standings) if dominates(other, standing)} for standing in standings
    ]
    left, fronts = set(range(len(standings))), []
    while left:
        fronts.append(sorted(index for index in left if not beaten_by[index] & left))
        left -= set(fronts[-1])
    return fronts
