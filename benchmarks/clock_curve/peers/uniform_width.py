"""Uniform width: every width is scaled by one factor.

The width multiplier of MobileNets (Howard et al., arXiv 1704.04861, section 3.3), with inherited weights: the channels
that stay are those with the largest L2 norm over all layers that share them (the group norm of Torch-Pruning's
magnitude importance).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor, nn

from benchmarks.clock_curve.peers.goal import Goal, OutOfReachError
from benchmarks.clock_curve.peers.streams import Channels, channels_of
from edgesynth.anatomy import sum_over_synapses


def uniform_width(goal: Goal) -> nn.Module:
    """The widest network of this form that meets the latency.

    Raises:
        OutOfReachError: none does.
    """
    channels, least_ms = channels_of(goal), math.inf
    norms = group_norms(channels)
    orders = {group.name: channels.order(group, norms[group.name]) for group in channels.anatomy.removable}
    for widths in scaled_widths(channels, goal.round_to):
        small = channels.cut(goal.network, {name: order[: widths[name]] for name, order in orders.items()})
        latency_ms = goal.latency(small)
        if latency_ms <= goal.most_ms:
            return small
        least_ms = min(least_ms, latency_ms)
    raise OutOfReachError("uniform width", least_ms, goal)


def scaled_widths(channels: Channels, round_to: int) -> Iterator[dict[str, int]]:
    """{group: units that it keeps} at every factor from 1 down at which a width changes."""
    groups, last = channels.anatomy.removable, None
    most = max(group.size for group in groups)
    for kept in range(most, 0, -1):
        widths = {
            group.name: min(
                channels.widths(group, round_to), key=lambda width, size=group.size: abs(width - size * kept / most)
            )
            for group in groups
        }
        if widths != last:
            yield widths
        last = widths


def group_norms(channels: Channels) -> dict[str, Tensor]:
    """{group: (size,) L2 norm of all synapses that die with each unit, those that read it among them}."""
    anatomy = channels.anatomy
    squares = {name: anatomy.model.get_parameter(name).detach().square() for name in anatomy.weights()}
    return {group.name: sum_over_synapses(group, squares).sqrt() for group in anatomy.removable}
