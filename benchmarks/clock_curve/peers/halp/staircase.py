"""What the widths of a group cost, by a table of the latencies of single layers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.clock_curve.peers.goal import Goal
from benchmarks.clock_curve.peers.streams import Channels
from edgesynth.anatomy import ClusterGroup, Kept
from edgesynth.evolution.budgets.layer_times import LayerTimes

Sizes = dict[str, tuple[int, ...]]


class Staircase(NamedTuple):
    """The steps of a group.

    Attributes:
        widths: (n,) the largest width on each step, ascending up to the present one.
        spent_ms: (n,) latency of the layers that write or read the group at these widths, ascending.
    """

    widths: np.ndarray
    spent_ms: np.ndarray


class LayerPrices:
    """Latencies of a network's layers while it gets narrower.

    Args:
        channels: of the network.
        goal: gives the table, and what widths are multiples of.
    """

    def __init__(self, channels: Channels, goal: Goal) -> None:
        self._channels = channels
        self._round_to = goal.round_to
        self._times = LayerTimes(channels.anatomy, goal.task.input_shape, goal.times)

    def sizes(self, kept: Kept) -> Sizes:
        """The shapes of all layers' weights, for {group: units kept}."""
        anatomy = self._channels.anatomy
        layers = anatomy.census(kept).layers
        return {weight: layer.shape for weight, layer in zip(anatomy.weights(), layers, strict=True)}

    def whole_ms(self, sizes: Sizes) -> float:
        """Latency of all layers."""
        spent_ms = 0.0
        for place, layer in enumerate(self._channels.anatomy.layers):
            size = sizes[layer.weight]
            read, written = np.array([size[1 - layer.written]]), np.array([size[layer.written]])
            spent_ms += float(self._times.table(place, read, written)[0, 0])
        return spent_ms

    def staircase(self, group: ClusterGroup, present: int, sizes: Sizes) -> Staircase:
        """The steps of a group up to its present width, given the present shapes of all layers."""
        narrower = [width for width in self._channels.widths(group, self._round_to) if width < present]
        widths = np.array([*narrower, present])
        spent_ms = np.zeros(len(widths))
        units = {
            (member.parameter, member.dim): int((member.units >= 0).sum()) // group.size for member in group.members
        }
        for place, layer in enumerate(self._channels.anatomy.layers):
            reads, writes = 1 - layer.written, layer.written
            size = sizes[layer.weight]
            if (layer.weight, writes) in units:
                written = size[writes] + (widths - present) * units[layer.weight, writes]
                spent_ms += self._times.table(place, np.array([size[reads]]), written)[0]
            if (layer.weight, reads) in units:
                read = size[reads] + (widths - present) * units[layer.weight, reads]
                spent_ms += self._times.table(place, read, np.array([size[writes]]))[:, 0]
        wider_ms = np.minimum.accumulate(spent_ms[::-1])[::-1]
        ends = np.append(spent_ms[:-1] < wider_ms[1:], True)  # no wider one costs as little
        return Staircase(widths[ends], spent_ms[ends])
