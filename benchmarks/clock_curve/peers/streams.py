"""Which channels of a network can be cut, the padded ones of our ResNets for 32x32 images among them.

Where such a network gets wider, the shortcut pads its input with channels of zeros, half in front and half behind, and
`Block.padding` says how many. The anatomy protects the channels that are added to these zeros, because it does not know
that number. Here it is known, so that peers can narrow all stages: as many are cut in front as behind.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from benchmarks.clock_curve.peers.goal import Goal
from edgesynth.anatomy import Anatomy, ClusterGroup, remove, trace
from edgesynth.ancestors.zoo.resnet_cifar import Block


@dataclass(frozen=True)
class Channels:
    """The channels of a network that can be cut.

    Attributes:
        anatomy: of the network; its padded groups are removable.
        padded: names of the groups that are added to zeros; their units are cut in pairs, and one pair has to stay.
    """

    anatomy: Anatomy
    padded: frozenset[str]

    def order(self, group: ClusterGroup, scores: Tensor) -> list[int]:
        """Units of a group, the one that stays longest first; of a padded group in turns from its front and its back.

        Args:
            group: a removable one.
            scores: (size,) what each unit is worth.
        """
        if group.name not in self.padded:
            return scores.argsort(descending=True, stable=True).tolist()
        half = group.size // 2
        front = scores[:half].argsort(descending=True, stable=True)
        back = scores[half:].argsort(descending=True, stable=True) + half
        return torch.stack([front, back], dim=1).flatten().tolist()

    def widths(self, group: ClusterGroup, round_to: int) -> list[int]:
        """Numbers of units that a group may keep, ascending: multiples of `round_to`, and all."""
        step = round_to + round_to % 2 if group.name in self.padded else round_to
        return [*range(step, group.size, step), group.size]

    def cut(self, network: nn.Module, kept: Mapping[str, Sequence[int]]) -> nn.Module:
        """A new network with the units that are named; groups that are not named stay whole."""
        small = remove(network, self.anatomy.plan({name: sorted(units) for name, units in kept.items()}))
        for block in small.modules():
            if isinstance(block, Block) and block.padding:
                block.padding = (block.conv2.out_channels - block.conv1.in_channels) // 2
        return small


def channels_of(goal: Goal) -> Channels:
    """The channels of a goal's network."""
    network = copy.deepcopy(goal.network)
    anatomy = trace(network, (torch.zeros(2, *goal.task.input_shape),))
    padded = frozenset(
        f"{name}.conv2" for name, block in network.named_modules() if isinstance(block, Block) and block.padding
    )
    groups = tuple(
        replace(group, removable=True, reason="") if group.name in padded else group for group in anatomy.groups
    )
    return Channels(replace(anatomy, groups=groups), padded)
