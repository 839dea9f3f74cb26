"""Unit costs: what a network saves when one unit of a cluster group dies while all others stay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from edgesynth.anatomy import Anatomy, ClusterGroup, Kept

Quantity = Literal["macs", "params"]


def clusters_of_units(anatomy: Anatomy, kept: Kept) -> dict[str, Tensor]:
    """{removable group: (size,) float64, how many clusters each unit is}: one for each living layer that writes it."""
    gone = anatomy.gone(kept)
    return {
        group.name: torch.from_numpy(
            sum(
                (
                    np.bincount(layer.units[layer.units >= 0], minlength=group.size)
                    for layer in group.writers()
                    if layer.parameter not in gone
                ),
                start=np.zeros(group.size),
            )
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
    costs = priced_units(anatomy, kept, _prices(anatomy, quantity))
    for group in anatomy.removable:
        for product in anatomy.products if quantity == "macs" else ():
            if group.name in product.units:
                cells = np.bincount(product.units[group.name], minlength=group.size)
                costs[group.name] += torch.from_numpy(product.macs / anatomy.batch * cells / product.cells)
    return costs


def priced_units(anatomy: Anatomy, kept: Kept, prices: Mapping[str, float]) -> dict[str, Tensor]:
    """{removable group: (size,) price of all elements of parameters that die with each unit}."""
    plan = anatomy.plan(kept)
    sizes = {
        name: [len(plan.kept.get(name, {}).get(dim, range(size))) for dim, size in enumerate(shape)]
        for name, shape in anatomy.shapes.items()
    }
    left = {name: price for name, price in prices.items() if name not in plan.stand_ins.gone}
    return {group.name: torch.from_numpy(_lost(group, sizes, left)) for group in anatomy.removable}


macs_of_units = partial(marginal_costs, quantity="macs")
params_of_units = partial(marginal_costs, quantity="params")


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
