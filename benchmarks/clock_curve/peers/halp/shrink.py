"""The network that a knapsack leaves, at the largest budget that meets the latency."""

from __future__ import annotations

import copy
import math

import numpy as np
from torch import nn

from benchmarks.clock_curve.peers.goal import Goal, OutOfReachError
from benchmarks.clock_curve.peers.halp.importance import taylor_importance
from benchmarks.clock_curve.peers.halp.knapsack import best_choice
from benchmarks.clock_curve.peers.halp.staircase import LayerPrices
from benchmarks.clock_curve.peers.streams import Channels, channels_of

STEPS = 10  # in which the budget falls
HALVINGS = 16  # of the interval in which the budget is searched

Units = dict[str, list[int]]


def halp_knapsack(goal: Goal) -> nn.Module:
    """The ancestor with fewer channels.

    The budget counts layers alone, each with the other widths of the step before. So it is searched until the latency
    of the whole network is met.

    Raises:
        OutOfReachError: the narrowest network is too slow.
    """
    if goal.latency(goal.network) <= goal.most_ms:
        return copy.deepcopy(goal.network)
    channels = channels_of(goal)
    prices, importance = LayerPrices(channels, goal), taylor_importance(channels, goal)
    orders = {group.name: channels.order(group, importance[group.name]) for group in channels.anatomy.removable}
    worths = {name: np.cumsum(importance[name].numpy()[order]) for name, order in orders.items()}
    whole_ms = prices.whole_ms(prices.sizes(orders))
    known: dict[tuple[int, ...], tuple[float, nn.Module]] = {}

    def at(share: float) -> tuple[float, nn.Module]:
        kept = orders
        for step in range(1, STEPS + 1):
            budget_ms = whole_ms * share ** (step / STEPS) if share else -math.inf
            kept = narrowed(kept, worths, channels, prices, budget_ms)
        widths = tuple(map(len, kept.values()))
        if widths not in known:
            small = channels.cut(goal.network, kept)
            known[widths] = goal.latency(small), small
        return known[widths]

    latency_ms, best = at(0.0)
    if latency_ms > goal.most_ms:
        raise OutOfReachError("the knapsack", latency_ms, goal)
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        share = (low + high) / 2
        latency_ms, small = at(share)
        if latency_ms <= goal.most_ms:
            low, best = share, small
        else:
            high = share
    return best


def narrowed(
    kept: Units, worths: dict[str, np.ndarray], channels: Channels, prices: LayerPrices, budget_ms: float
) -> Units:
    """What one knapsack keeps of {group: its channels, the strongest first}; the least if the budget is too small.

    Args:
        kept: what is there now.
        worths: {group: (size,) importance of its first channels together}.
        channels: of the network.
        prices: of its layers.
        budget_ms: latency of all layers at most, each with the other widths as they are.
    """
    sizes = prices.sizes(kept)
    stairs = {group.name: prices.staircase(group, len(kept[group.name]), sizes) for group in channels.anatomy.removable}
    values = [worths[name][stair.widths - 1] for name, stair in stairs.items()]
    costs = [stair.spent_ms - stair.spent_ms[0] for stair in stairs.values()]
    narrowest_ms = prices.whole_ms(sizes) - sum(cost[-1] for cost in costs)
    places = best_choice(values, costs, budget_ms - narrowest_ms)
    return {
        name: kept[name][: stair.widths[place]] for (name, stair), place in zip(stairs.items(), places, strict=True)
    }
