"""Branches: parts of a network that can be removed as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from edgesynth.anatomy.groups import ClusterGroup, Member


@dataclass(frozen=True)
class Branch:
    """A part of a network whose output is added to a stream of the same shape, or joined to other channels.

    In a genome it is a cluster group of one unit, which lives or not. If it is masked, the parameters that end it are
    zero. If it is removed, all of its layers are gone, and so is the addition.

    Attributes:
        name: its module, else the module that adds it, or the layer that ends it where the module has several
            branches; then `/branch`.
        parameters: parameters and buffers that nothing else uses.
        ends: those of `parameters` that are zeroed to silence it.
        weights: those of `ends` that are weights of layers.
        inner: cluster groups that lie in it alone.
        cutting: those of `inner` that everything in it passes through: if all units of one die, so does the branch.
        joined: the cluster group of its output, where that is joined to other channels; empty where it is added.
        products: places of the products of activations that lie in it, in `Anatomy.products`.
        removable: whether it may be removed.
        reason: why not, else empty.
        steps: places of its operations in the graph.
        sums: places of the operations that add or join it.
        stream: place of the value that it is added to; -1 where it is joined.
        written: places of the operations that write into the sum, or into the stream after it. If there are any,
            sum and stream must not become the same tensor.
    """

    name: str
    parameters: tuple[str, ...]
    ends: tuple[str, ...]
    weights: tuple[str, ...]
    inner: tuple[str, ...] = ()
    cutting: tuple[str, ...] = ()
    joined: str = ""
    products: tuple[int, ...] = ()
    removable: bool = True
    reason: str = ""
    steps: frozenset[int] = field(default_factory=frozenset, repr=False)
    sums: tuple[int, ...] = ()
    stream: int = -1
    written: tuple[int, ...] = ()

    def as_group(self, shapes: Mapping[str, tuple[int, ...]]) -> ClusterGroup:
        """The branch as a group of one unit, which has all clusters of the layers that end it.

        Args:
            shapes: {parameter: its shape}.
        """
        members = tuple(
            Member(name, 0, "weight" if name in self.weights else "emit", np.zeros(shapes[name][0], dtype=np.int64))
            for name in self.ends
            if shapes[name]
        )
        return ClusterGroup(self.name, 1, members, self.removable, self.reason)
