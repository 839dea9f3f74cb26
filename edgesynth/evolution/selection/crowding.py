"""Crowding distance (NSGA-II, section III.B): how far an individual is from its neighbors on its front."""

from __future__ import annotations

import math
from collections.abc import Sequence


def crowding_distances(costs: Sequence[tuple[float, ...]]) -> list[float]:
    """Sum over all costs of the gap between the two neighbors, as a share of the front's range.

    The individuals with the least and the most of a cost have an infinite distance. A cost in which all are equal, or
    whose range is infinite, adds nothing.

    Args:
        costs: of each individual of one front.

    Returns:
        One distance for each, >= 0.
    """
    distances = [0.0] * len(costs)
    for values in zip(*costs, strict=True):
        order = sorted(range(len(values)), key=lambda index: values[index])
        width = values[order[-1]] - values[order[0]]
        if not width or not math.isfinite(width):
            continue
        distances[order[0]] = distances[order[-1]] = math.inf
        for before, index, after in zip(order, order[1:], order[2:], strict=False):
            distances[index] += (values[after] - values[before]) / width
    return distances
