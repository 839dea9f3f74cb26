"""Landing: what a run does with an individual that is far below a measured budget because its prediction was wrong.

It gave up more than was asked for. What was measured of it has corrected the prediction since, so the same parents have
offspring once more, which come nearer to the budget.
"""

from __future__ import annotations

import math

from edgesynth.evolution.budgets import Budgets
from edgesynth.lineage import Record

LANDED = 0.9  # share of a budget from which on it is landed on, and of a prediction from which on that was right


def overshoots(record: Record, budgets: Budgets) -> bool:
    """Whether an individual that meets every budget has less of all of them than it should.

    Args:
        record: the individual's.
        budgets: of the run, which know what was measured.

    Returns:
        False where nothing is measured, or where it was drawn to be so small: hardware computes in tiles, and some
        shapes lie far below a budget while the next larger ones are over it.
    """
    foreseen: dict[str, float] = record.synthesis.get("predicted", {})
    measured = [name for name in budgets.limits if name in foreseen]
    if not measured or any(budgets.has(record, name) >= LANDED * most for name, most in budgets.limits.items()):
        return False
    return any(_below(budgets.has(record, name), foreseen[name]) for name in measured)


def _below(measured: float, predicted: float) -> bool:
    return math.isfinite(measured) and measured < LANDED * predicted
