"""Every budget by its name, in the order of their options."""

from __future__ import annotations

from edgesynth.evolution.budgets.budget import Budget
from edgesynth.evolution.budgets.counted import COUNTED
from edgesynth.evolution.budgets.on_board import ON_BOARD
from edgesynth.lineage import Config

BUDGETS: dict[str, Budget] = {budget.name: budget for budget in (*COUNTED, *ON_BOARD)}


def limits(config: Config) -> dict[str, float]:
    """{name of a budget: most that is allowed}, of those that a configuration sets."""
    given = {name: (budget, budget.option_value(config)) for name, budget in BUDGETS.items()}
    return {name: budget.parse(value) for name, (budget, value) in given.items() if value is not None}
