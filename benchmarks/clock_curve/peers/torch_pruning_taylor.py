"""Torch-Pruning (https://github.com/VainF/Torch-Pruning, 1.6.1): global pruning by its group Taylor importance.

`BasePruner` over all groups at once, with `GroupTaylorImportance` (Molchanov et al., CVPR 2019, averaged over a group's
layers and divided by the group's mean, its defaults) and `round_to`. Its ratio rises in small steps, group by group,
until the latency is met.

It couples channel i of a stage with channel i of the next one, although our ResNets for 32x32 images pad the shortcut
in front, so that it is another channel there; what it then removes is not what it ranked. So what the blocks of a stage
share is left whole first. Only where the latency cannot be met so is the network pruned as it comes.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from benchmarks.clock_curve.peers.few_batches import few_batches
from benchmarks.clock_curve.peers.goal import Goal, OutOfReachError
from edgesynth.ancestors.zoo.resnet_cifar import Block, ResNet

STEPS = 400


def torch_pruning_taylor(goal: Goal) -> nn.Module:
    """The ancestor, pruned until it meets the latency.

    Raises:
        OutOfReachError: Torch-Pruning has nothing left to prune.
    """
    if isinstance(goal.network, ResNet):
        try:
            return _pruned(goal, _shared(goal.network))
        except OutOfReachError:
            pass
    return _pruned(goal, [])


def _shared(network: nn.Module) -> list[str]:
    """The layers that write what the blocks of a stage share."""
    ends = [f"{name}.conv2" for name, block in network.named_modules() if isinstance(block, Block)]
    return ["conv1", *ends]


def _pruned(goal: Goal, protected: Sequence[str]) -> nn.Module:
    """A pruned copy; the protected layers and the classifier keep their outputs."""
    network = copy.deepcopy(goal.network)
    pruner = _pruner(network, goal, protected)
    _measure_gradients(network, goal)
    least_ms = goal.latency(network)
    # It offers every group in every step, most of them with no channel to prune.
    steps = (group for _ in range(STEPS) for group in pruner.step(interactive=True) if group[0].idxs)
    while least_ms > goal.most_ms:
        group = next(steps, None)
        if group is None:
            raise OutOfReachError("Torch-Pruning", least_ms, goal)
        group.prune()
        least_ms = min(least_ms, goal.latency(network))
    network.zero_grad()
    return network


def _pruner(network: nn.Module, goal: Goal, protected: Sequence[str]) -> Any:
    import torch_pruning as tp

    kept = [network.get_submodule(name) for name in protected]
    return tp.pruner.BasePruner(
        network,
        torch.zeros(1, *goal.task.input_shape),
        importance=tp.importance.GroupTaylorImportance(),
        pruning_ratio=1.0,
        global_pruning=True,
        iterative_steps=STEPS,
        round_to=goal.round_to,
        ignored_layers=[*kept, *(layer for layer in network.modules() if isinstance(layer, nn.Linear))],
    )


def _measure_gradients(network: nn.Module, goal: Goal) -> None:
    """Add up the loss's gradients over a few batches, in place."""
    network.requires_grad_(True)
    network.zero_grad()
    for batch in few_batches(goal):
        goal.task.loss(network(batch.images), batch.labels).backward()
