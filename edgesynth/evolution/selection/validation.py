"""Selection by validation: the most accurate first."""

from __future__ import annotations

from edgesynth.evolution.budgets import Budgets
from edgesynth.evolution.selection.domination import loss, violation, within_first
from edgesynth.lineage import Record


class ValidationSelection:
    """The feasible by accuracy, of equals the smaller, and before them any that meet every budget; then the infeasible,
    the smallest violation first.

    Args:
        budgets: the run's.
        floor: least validation metric of a feasible individual (percent).
    """

    def __init__(self, budgets: Budgets, floor: float) -> None:
        self.budgets = budgets
        self.floor = floor

    def rank(self, records: list[Record]) -> list[Record]:
        """See `Selection.rank`."""
        ranked = sorted(
            records,
            key=lambda record: (violation(record, self.floor), loss(record), record.census.synapses, record.child),
        )
        return within_first(ranked, self.budgets)
