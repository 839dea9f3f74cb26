"""Allocation: where clusters may die, by what the network saves when they do.

The papers give every layer the same factor. Here one factor serves the network, and a cluster's probability is divided
by what the cluster costs, so that a budget of MACs or parameters is met where it harms least.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from edgesynth.evolution.budgets import Budgets
from edgesynth.evolution.synthesis.strength.parent import Parent

Allocation = Literal["strength", "macs", "params", "budgets", "shape"]
LEAST_EXCESS = 1.001  # an amount that is at its budget, or just above it, still has a price


def allocate(
    parent: Parent,
    clusters: dict[str, Tensor],
    allocation: Allocation,
    unmet: Mapping[str, float],
    budgets: Budgets,
) -> dict[str, Tensor]:
    """Divide every cluster's probability by what dies with it: the logarithm of its cost is taken off its viability.

    Args:
        parent: whose sizes the costs are of.
        clusters: {group: (size,) viability}.
        allocation: `strength` and `shape` leave them as they are; `macs` and `params` name the cost; with `budgets` it
            is the sum, over the budgets, of the share of the present amount that dies with the cluster, times the
            logarithm of what that amount is of the budget.
        unmet: {name: most that is allowed}, of the budgets that are not met.
        budgets: of the run.
    """
    if allocation in ("strength", "shape"):
        return clusters
    prices = _urgency(parent, unmet, budgets) if allocation == "budgets" else {allocation: 1.0}
    costs = dict.fromkeys(clusters, torch.zeros((), dtype=torch.float64))
    for name, price in prices.items():
        for group, cost in budgets.unit_costs(parent.anatomy, parent.genome, name).items():
            costs[group] = costs[group] + price * cost
    least = torch.finfo(torch.float64).tiny
    return {name: viability - costs[name].clamp_min(least).log() for name, viability in clusters.items()}


def _urgency(parent: Parent, unmet: Mapping[str, float], budgets: Budgets) -> dict[str, float]:
    """{budget: price of one unit of what it names}: the share of the present amount, by how far that has to fall.

    Every generation multiplies each amount by a factor below one, so that the distance to its budget is a logarithm. If
    prices were shares of the budgets, only the amount farthest from its budget would count, and the wrong clusters
    would be cut to meet it.
    """
    census = parent.genome.census(parent.anatomy)
    amounts = {name: budgets.amount(census, name) for name in unmet}
    return {name: math.log(max(amounts[name] / most, LEAST_EXCESS)) / amounts[name] for name, most in unmet.items()}
