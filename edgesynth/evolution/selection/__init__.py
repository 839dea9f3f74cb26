"""Selection: the order of the individuals of a generation. Adding one means adding a file and a line to `SELECTIONS`.

A selection puts records in order, best first: the next parents are the first feasible ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from edgesynth.evolution.budgets import Budgets
from edgesynth.evolution.selection.pareto import ParetoSelection
from edgesynth.evolution.selection.validation import ValidationSelection
from edgesynth.lineage import Record

__all__ = ["SELECTIONS", "ParetoSelection", "Selection", "ValidationSelection", "build_selection"]


class Selection(Protocol):
    """Orders the individuals of a generation."""

    def rank(self, records: list[Record]) -> list[Record]:
        """The same records, best first; none that is infeasible before one that is feasible."""
        ...


SELECTIONS: dict[str, Callable[[Budgets, float], Selection]] = {
    "validation": ValidationSelection,
    "pareto": ParetoSelection,
}


def build_selection(budgets: Budgets, floor: float) -> Selection:
    """The selection that a configuration names.

    Args:
        budgets: the run's.
        floor: least validation metric of a feasible individual (percent).
    """
    return SELECTIONS[budgets.config.selection](budgets, floor)
