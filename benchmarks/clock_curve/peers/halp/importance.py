"""Taylor importance of channels by their normalization."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from benchmarks.clock_curve.peers.few_batches import few_batches
from benchmarks.clock_curve.peers.goal import Goal
from benchmarks.clock_curve.peers.streams import Channels
from edgesynth.anatomy import ClusterGroup, Member
from edgesynth.anatomy.groups import layer_name


def taylor_importance(channels: Channels, goal: Goal) -> dict[str, Tensor]:
    """{group: (size,) mean over batches of |scale x its gradient + shift x its gradient|}, float64.

    Of channels that several layers share it is the sum over their normalizations; each has to go through one.
    """
    groups = channels.anatomy.removable
    names = sorted({member.parameter for group in groups for member in _emitted(group)})
    products = _products(goal, names)
    return {group.name: _importance(group, products) for group in groups}


def _emitted(group: ClusterGroup) -> list[Member]:
    """Where the scales and shifts of a group's channels are."""
    return [member for member in group.members if member.role == "emit"]


def _products(goal: Goal, names: list[str]) -> dict[str, Tensor]:
    """{parameter: (batches, size) each value times the loss's gradient, batch by batch}."""
    network: nn.Module = copy.deepcopy(goal.network).requires_grad_(True)
    parameters = [network.get_parameter(name) for name in names]
    rows = []
    for batch in few_batches(goal):
        gradients = torch.autograd.grad(goal.task.loss(network(batch.images), batch.labels), parameters)
        rows.append([(value * gradient).detach() for value, gradient in zip(parameters, gradients, strict=True)])
    return {name: torch.stack(products) for name, products in zip(names, zip(*rows, strict=True), strict=True)}


def _importance(group: ClusterGroup, products: dict[str, Tensor]) -> Tensor:
    by_layer: dict[str, Tensor] = {}
    for member in _emitted(group):
        changes, units = products[member.parameter].double(), torch.from_numpy(member.units)
        unset = torch.zeros(len(changes), group.size, dtype=torch.float64)
        total = by_layer.setdefault(layer_name(member.parameter), unset)
        total.index_add_(1, units[units >= 0], changes[:, units >= 0])
    return torch.stack([total.abs().mean(dim=0) for total in by_layer.values()]).sum(dim=0)
