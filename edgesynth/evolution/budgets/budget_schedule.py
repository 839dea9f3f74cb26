"""The way to the budgets: amounts go down geometrically, and all of them arrive together."""

from __future__ import annotations

import math
from collections.abc import Mapping

ROUNDING = 1e-9


def step(start: Mapping[str, float], goal: Mapping[str, float], keep: float) -> float:
    """The share of the way, in [0, 1], on which the amount that has farthest to go is multiplied by `keep`."""
    farthest = max(math.log(start[name] / most) for name, most in goal.items())
    return min(1.0, math.log(1 / keep) / farthest) if farthest > 0 else 1.0


def evened(step: float) -> float:
    """The largest of equal steps, none larger than this one, that end at the goal.

    Steps of one size and a remnant would let whoever falls a little too far in the last but one arrive before its
    siblings, which have kept more and would be the better networks at the goal.
    """
    return 1 / math.ceil(1 / step - ROUNDING)


def stage(start: Mapping[str, float], goal: Mapping[str, float], share: float) -> dict[str, float]:
    """{name: the amount after a share of the way}: at 0 the start, at 1 the goal, at one half their geometric mean."""
    if share >= 1:
        return {name: float(most) for name, most in goal.items()}
    return {name: start[name] * (most / start[name]) ** share for name, most in goal.items()}
