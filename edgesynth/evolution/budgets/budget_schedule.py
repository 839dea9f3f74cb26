"""Schedule of the budgets: amounts fall geometrically, and all of them reach their budgets together."""

from __future__ import annotations

import math
from collections.abc import Mapping

ROUNDING = 1e-9


def step(start: Mapping[str, float], goal: Mapping[str, float], keep: float) -> float:
    """Share of the log-distance, in [0, 1], that multiplies the amount farthest from its goal by `keep`."""
    farthest = max(math.log(start[name] / most) for name, most in goal.items())
    return min(1.0, math.log(1 / keep) / farthest) if farthest > 0 else 1.0


def evened(step: float) -> float:
    """The largest of equal steps, none larger than this one, that end at the goal.

    With a shorter last step, an individual that falls a little too far in the step before would meet the budgets before
    its siblings. These have kept more, and would be the better networks at the goal.
    """
    return 1 / math.ceil(1 / step - ROUNDING)


def stage(start: Mapping[str, float], goal: Mapping[str, float], share: float) -> dict[str, float]:
    """{name: amount after a share of the log-distance}: at 0 the start, at 1 the goal, at 1/2 their geometric mean."""
    if share >= 1:
        return {name: float(most) for name, most in goal.items()}
    return {name: start[name] * (most / start[name]) ** share for name, most in goal.items()}


def next_stage(start: Mapping[str, float], goal: Mapping[str, float], keep: float) -> dict[str, float]:
    """{name: the amount after the first of equal steps}, none of which keeps less than `keep` of any amount."""
    return stage(start, goal, evened(step(start, goal, keep)))
