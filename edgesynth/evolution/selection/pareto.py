"""Selection by fronts: accuracy and size at once (NSGA-II, Deb et al. 2002)."""

from __future__ import annotations

from edgesynth.evolution.budgets import Budgets
from edgesynth.evolution.selection.crowding import crowding_distances
from edgesynth.evolution.selection.domination import standing, within_first
from edgesynth.evolution.selection.sorting import sorted_fronts
from edgesynth.lineage import Record


class ParetoSelection:
    """Front by front, and within a front by falling crowding distance, then by accuracy.

    Individuals that meet every budget come before the others.

    The ends of a front, which have least or most of anything compared, have an infinite distance. With accuracy and one
    budget, its first two parents are its most accurate individual and its smallest; of several amounts, one that has
    most of one may come before.

    Args:
        budgets: the run's, which are compared besides validation; without any, synapses and clusters.
        floor: least validation metric of a feasible individual (percent).
    """

    def __init__(self, budgets: Budgets, floor: float) -> None:
        self.budgets = budgets
        self.floor = floor

    def rank(self, records: list[Record]) -> list[Record]:
        """See `Selection.rank`."""
        standings = [standing(record, self.budgets, self.floor) for record in records]
        ranked = []
        for front in sorted_fronts(standings):
            distances = crowding_distances([standings[index].costs for index in front])
            order = sorted(
                zip(distances, front, strict=True),
                key=lambda pair: (-pair[0], *standings[pair[1]].costs, records[pair[1]].child),
            )
            ranked += [records[index] for _, index in order]
        return within_first(ranked, self.budgets)
