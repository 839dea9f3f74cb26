"""Unreachable limits: the error if no shape meets them all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgesynth.errors import UserError
from edgesynth.evolution.synthesis.shape.solver.program import Program

LEAST_NODES = 500


class UnreachableError(UserError):
    """No choice of widths and branches meets all limits.

    Attributes:
        least: {budget: its least reachable amount, whatever the other budgets are}.
    """

    def __init__(self, limits: Mapping[str, float], least: Mapping[str, float]) -> None:
        self.least = dict(least)
        each = [f"{name}: {least[name]:,.6g} at least, {limit:,.6g} allowed" for name, limit in limits.items()]
        alone = [name for name, limit in limits.items() if least[name] > limit]
        why = f"{', '.join(alone)} cannot fall so far" if alone else "each can be met, but not all together"
        super().__init__(f"no widths and branches meet all budgets ({why}); allow more", *each)


def unreachable(program: Program) -> UnreachableError:
    """The error, with the least amount of each budget."""
    names, limits = program.tables.names, program.tables.limits
    least = {name: _least(program, place) for place, name in enumerate(names)}
    return UnreachableError(dict(zip(names, limits.tolist(), strict=True)), least)


def _least(program: Program, place: int) -> float:
    """The least amount that any shape has of a budget; a lower bound of it if `LEAST_NODES` nodes are not enough."""
    result = program.solve(None, program.amount(place), LEAST_NODES, gap=0)
    if result.status == 0:
        return float(program.tables.amounts(*program.state(result.x))[place])
    bound = result.mip_dual_bound
    return -np.inf if bound is None else float(bound + program.fixed()[place])
