"""Some of many values, from all over."""

from __future__ import annotations

import math


def stride_of(count: int, most: int) -> int:
    """The least step by which at most so many of `count` values are met, and no period of theirs is met in step.

    Whatever divides `count`, such as an image's width, has no divisor in common with the step: no column is left out.
    """
    step = max(1, -(-count // most))
    while math.gcd(step, count) > 1:
        step += 1
    return step
