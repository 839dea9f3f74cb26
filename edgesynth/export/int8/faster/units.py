"""Units: what is switched between INT8 and floating point together when a network is timed."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from edgesynth.export.int8.accuracy_guard import layers_of

if TYPE_CHECKING:
    import onnx


def units_of(model: onnx.ModelProto, able: Collection[str]) -> tuple[tuple[str, ...], ...]:
    """Layers, each with the nodes behind it that can be INT8 too, up to the next layer.

    A sum or a pooling between layers is cheap in INT8 where its neighbors are INT8, and costs two conversions
    elsewhere: so it goes with the layer before it.

    Args:
        model: the plain fp32 file.
        able: names of the nodes that can be INT8.

    Returns:
        Names of the nodes of each unit, in the order of the graph; one unit for each layer that can be INT8.
    """
    layers = set(layers_of(model))
    units: list[list[str]] = []
    before: list[str] = []
    for name in (node.name for node in model.graph.node if node.name in able):
        if name in layers:
            units.append([*before, name])
            before = []
        elif units:
            units[-1].append(name)
        else:
            before.append(name)
    return tuple(map(tuple, units))
