"""Allocation: where clusters may die, by what the network saves when they do.

The papers give every layer the same factor. Here one factor serves the network, and a cluster's probability is divided
by what the cluster costs, so that a budget of MACs or parameters is met where it harms least.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from edgesynth.anatomy import Anatomy, ClusterGroup, Kept
from edgesynth.evolution.budgets.budgets import ON_BOARD, Yardstick
from edgesynth.evolution.synthesis.strength.parent import Parent

Allocation = Literal["strength", "macs", "params", "budgets"]
Quantity = Literal["macs", "params"]
LEAST_EXCESS = 1.001  # an amount that is at its budget, or just above it, still has a price


def allocate(
    parent: Parent,
    clusters: dict[str, Tensor],
    allocation: Allocation,
    budgets: Mapping[str, float],
    yardstick: Yardstick,
) -> dict[str, Tensor]:
    """Divide every cluster's probability by what dies with it: the logarithm of its cost is taken off its viability.

    Args:
        parent: whose sizes the costs are of.
        clusters: {group: (size,) viability}.
        allocation: `strength` leaves them as they are; `macs` and `params` name the cost; with `budgets` it is the sum,
            over the budgets, of the share of the present amount that dies with the cluster, times the logarithm of what
            that amount is of the budget.
        budgets: {name: most that is allowed}, those that are not met.
        yardstick: of the run.
    """
    if allocation == "strength":
        return clusters
    prices = _urgency(parent, budgets, yardstick) if allocation == "budgets" else {allocation: 1.0}
    costs = dict.fromkeys(clusters, torch.zeros((), dtype=torch.float64))
    for name, price in prices.items():
        for group, cost in _costs(parent, name, yardstick).items():
            costs[group] = costs[group] + price * cost
    least = torch.finfo(torch.float64).tiny
    return {name: viability - costs[name].clamp_min(least).log() for name, viability in clusters.items()}


def _urgency(parent: Parent, budgets: Mapping[str, float], yardstick: Yardstick) -> dict[str, float]:
    """{budget: price of one unit of what it names}: the share of the present amount, by how far that has to fall.

    Each amount is multiplied by something less than one in every generation, so that its logarithm is the way to go. By
    shares of the budgets themselves, the one that is farthest off would be all that counts, until it is met by the
    wrong clusters.
    """
    census = parent.genome.census(parent.anatomy)
    amounts = {name: yardstick.amount(census, name) for name in budgets}
    return {name: math.log(max(amounts[name] / most, LEAST_EXCESS)) / amounts[name] for name, most in budgets.items()}


def _costs(parent: Parent, name: str, yardstick: Yardstick) -> dict[str, Tensor]:
    """{removable group: (size,) how much of what a budget names dies with each unit}.

    Synapses and bytes count as parameters. Of a latency, each layer's arithmetic or traffic is shared out evenly over
    its weights; the time that its kernel takes to start is not, since it does not die with a cluster. Energy is shared
    out as the latency is.
    """
    if name == "clusters":
        return clusters_of_units(parent.anatomy)
    if name in ON_BOARD:
        prices = yardstick.weight_prices(parent.genome.census(parent.anatomy), name)
        return _marginal(parent.anatomy, parent.genome.kept, prices)
    return marginal_costs(parent.anatomy, parent.genome.kept, "macs" if name == "macs" else "params")


def clusters_of_units(anatomy: Anatomy) -> dict[str, Tensor]:
    """{removable group: (size,) float64, how many clusters each unit is}: one for each layer that writes it."""
    return {
        group.name: torch.from_numpy(
            sum(np.bincount(one.units[one.units >= 0], minlength=group.size) for one in group.writers())
        ).double()
        for group in anatomy.removable
    }


def marginal_costs(anatomy: Anatomy, kept: Kept, quantity: Quantity) -> dict[str, Tensor]:
    """{removable group: (size,) MACs of one input, or parameters, that die with each unit while all others stay}.

    Args:
        anatomy: the ancestor's.
        kept: {group: living units}; a group that is not named is whole. The costs of dead units mean nothing.
        quantity: what is counted, as the census counts it.
    """
    found = _marginal(anatomy, kept, _prices(anatomy, quantity))
    for group in anatomy.removable:
        for product in anatomy.products if quantity == "macs" else ():
            if group.name in product.units:
                cells = np.bincount(product.units[group.name], minlength=group.size)
                found[group.name] += torch.from_numpy(product.macs / anatomy.batch * cells / product.cells)
    return found


def _marginal(anatomy: Anatomy, kept: Kept, prices: Mapping[str, float]) -> dict[str, Tensor]:
    """{removable group: (size,) price of all elements of parameters that die with each unit}."""
    plan = anatomy.plan(kept)
    sizes = {
        name: [len(plan.kept.get(name, {}).get(dim, range(size))) for dim, size in enumerate(shape)]
        for name, shape in anatomy.shapes.items()
    }
    return {group.name: torch.from_numpy(_lost(group, sizes, prices)) for group in anatomy.removable}


def _prices(anatomy: Anatomy, quantity: Quantity) -> dict[str, int]:
    """{parameter: what one element of it counts}."""
    if quantity == "params":
        return dict.fromkeys(anatomy.parameters, 1)
    prices: dict[str, int] = {}
    for layer in anatomy.layers:
        prices[layer.weight] = prices.get(layer.weight, 0) + layer.positions
    return prices


def _lost(group: ClusterGroup, sizes: dict[str, list[int]], prices: Mapping[str, float]) -> np.ndarray:
    """(size,) price of all elements of parameters that a unit's removal cuts."""
    cost = np.zeros(group.size)
    for parameter in dict.fromkeys(member.parameter for member in group.members if member.parameter in prices):
        left = [np.full(group.size, float(size)) for size in sizes[parameter]]
        for member in group.members:
            if member.parameter == parameter:
                left[member.dim] -= np.bincount(member.units[member.units >= 0], minlength=group.size)
        cost += prices[parameter] * (math.prod(sizes[parameter]) - np.prod(left, axis=0))
    return cost
