"""The descent from the ancestor's size to the budgets.

Every steered amount, a count or a prediction for a board, goes down geometrically and all of them together: at pressure
0 they are the ancestor's, at 1 the budgets, at one half their geometric means. Pressure rises from the network that is
inherited from, by a step that adapts until about half of the probed networks are feasible.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from edgesynth.anatomy import Anatomy, Census
from edgesynth.errors import UserError
from edgesynth.evolution.budgets import BUDGETS, MACS, Budgets, budget_schedule
from edgesynth.lineage import Config
from edgesynth.planning.cost import Layer

LEAST_STEP = 0.005
SPREAD = 0.8  # of a step, either way: small sizes and large ones are tried in one cycle, whatever the step is worth


@dataclass(frozen=True)
class Descent:
    """Where the amounts start and where they are to end.

    Attributes:
        start: {name of an amount: the ancestor's}; see `Budget`.
        goal: {the same: what it is to be at most}; never above the start.
        budgets: tell a network's amounts.
    """

    start: dict[str, float]
    goal: dict[str, float]
    budgets: Budgets

    @classmethod
    def of(cls, config: Config, anatomy: Anatomy, other_kernels: Sequence[Layer] = ()) -> Descent:
        """The budgets steer; without any, MACs go down towards one unit in each group.

        Raises:
            UserError: one unit in each group already has more than a budget.
        """
        budgets = Budgets(config, anatomy, other_kernels)
        least = anatomy.census({group.name: [0] for group in anatomy.removable})
        ancestor = anatomy.census()
        for name, most in budgets.unmet(least).items():
            budget = BUDGETS[name]
            raise UserError(
                f"{budget.option} is {budget.as_given(most)}; with one cluster left in each group that can be cut "
                f"{config.ancestor} still has {budget.format(budgets.amount(least, name))}, and generative "
                f"synthesis cuts clusters alone: {'lower it' if budget.is_floor else 'raise the budget'}, or take "
                "--strategy heredity"
            )
        goal = budgets.limits or {MACS.name: float(least.macs)}
        start = {name: budgets.amount(ancestor, name) for name in goal}
        return cls(start, {name: min(most, start[name]) for name, most in goal.items()}, budgets)

    def at(self, pressure: float) -> dict[str, float]:
        """{name: most that is allowed} at a pressure in [0, 1]."""
        return budget_schedule.stage(self.start, self.goal, pressure)

    def traveled(self, census: Census) -> float:
        """The pressure at which a network is: that of the amount that is farthest from its goal, in [0, 1]."""
        distances = {
            name: math.log(self.start[name] / most) for name, most in self.goal.items() if most < self.start[name]
        }
        left = {name: max(sys.float_info.min, self.budgets.amount(census, name)) for name in distances}
        gone = [math.log(self.start[name] / left[name]) / distance for name, distance in distances.items()]
        return min(1.0, max(0.0, min(gone, default=1.0)))

    def first_step(self, keep: float) -> float:
        """The step that multiplies the amount farthest from its goal by `keep`."""
        return budget_schedule.step(self.start, self.goal, keep)

    def bounds(self, parent: Census, step: float) -> tuple[float, float]:
        """Lowest and highest pressure on networks that inherit from a parent."""
        here = self.traveled(parent)
        return min(1.0, here + (1 - SPREAD) * step), min(1.0, here + (1 + SPREAD) * step)


def adapted(step: float, feasible_rate: float) -> float:
    """Twice the step where all probed networks were feasible, half of it where none was, the same at one half."""
    return min(1.0, max(LEAST_STEP, step * 2 ** (2 * feasible_rate - 1)))
