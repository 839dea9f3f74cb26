"""Knapsack with a choice of one item from each class, by dynamic programming."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

CELLS = 4000  # in which the capacity is counted


def best_choice(values: Sequence[np.ndarray], costs: Sequence[np.ndarray], capacity: float) -> list[int]:
    """Choose one item from each class so that their value is the most and their cost is within the capacity.

    Costs are rounded up to 1/4000 of the capacity, so that what is chosen always fits.

    Args:
        values: of each class's items.
        costs: of the same items; those of the first items are 0.
        capacity: most that the chosen items may cost together.

    Returns:
        The place of the chosen item in each class; the first of each if the capacity is 0 or less.
    """
    if capacity <= 0:
        return [0] * len(values)
    best = np.zeros(CELLS + 1)  # of the classes so far, by the cells that they may fill
    choices = []
    for class_values, class_costs in zip(values, costs, strict=True):
        offers = np.full((len(class_values), CELLS + 1), -np.inf)
        for place, (value, cost) in enumerate(zip(class_values, class_costs, strict=True)):
            cells = math.ceil(CELLS * cost / capacity)
            if cells <= CELLS:
                offers[place, cells:] = best[: CELLS + 1 - cells] + value
        choices.append(offers.argmax(axis=0))
        best = offers.max(axis=0)
    left, chosen = CELLS, []
    for class_choices, class_costs in zip(reversed(choices), reversed(costs), strict=True):
        place = int(class_choices[left])
        chosen.append(place)
        left -= math.ceil(CELLS * class_costs[place] / capacity)
    return chosen[::-1]
