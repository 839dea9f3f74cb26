"""Every budget by its name, in the order of their options."""

from __future__ import annotations

from edgesynth.evolution.budgets.budget import Budget
from edgesynth.evolution.budgets.counted import COUNTED
from edgesynth.evolution.budgets.on_board import LATENCY, ON_BOARD
from edgesynth.lineage import Config

BUDGETS: dict[str, Budget] = {budget.name: budget for budget in (*COUNTED, *ON_BOARD)}


NOTHING = 0.0  # allowed of a budget while it is not known


def limits(config: Config) -> dict[str, float]:
    """{name of a budget: most that is allowed}, of those that a configuration sets.

    A ratio to a latency that is not known yet allows nothing.
    """
    given = {name: _most(budget, config) for name, budget in BUDGETS.items()}
    return {name: most for name, most in given.items() if most is not None}


def _most(budget: Budget, config: Config) -> float | None:
    value = budget.option_value(config)
    if value is not None:
        return budget.parse(value)
    return NOTHING if budget is LATENCY and config.latency_ratio is not None else None
