"""Memory that a network needs while it runs: its weights, and the activations that must be there at once."""

import functools
from typing import Any, NamedTuple

from edgesynth.planning.onnx.onnx_graph import OnnxGraph, element_size, elements
from edgesynth.planning.onnx.onnx_shapes import lengths_of, types_of


class Memory(NamedTuple):
    """Bytes at the types of the file.

    Attributes:
        weights_bytes: all constants.
        activations_bytes: the largest sum of tensors that are alive at one operator; None where shapes are unknown.
        unknown: a tensor whose shape is not known, None if all are.
    """

    weights_bytes: float
    activations_bytes: float | None
    unknown: str | None

    @property
    def total_bytes(self) -> float:
        """Both; the weights alone where the activations are unknown."""
        return self.weights_bytes + (self.activations_bytes or 0)


def memory_of(graph: OnnxGraph, batch: int = 1) -> Memory:
    """What a network needs at a batch.

    Args:
        graph: the file.
        batch: images per inference; the first dimension of each input, where the file leaves it free.
    """
    sizes = _activation_sizes(graph, batch)
    nodes = list(graph.proto.graph.node)
    needed = [name for node in nodes for name in (*node.input, *node.output) if name and not graph.is_constant(name)]
    unknown = next((name for name in needed if name not in sizes), None)
    if unknown is not None:
        return Memory(graph.weights_bytes, None, unknown)
    last_use = {name: index for index, node in enumerate(nodes) for name in node.input}
    last_use.update((value.name, len(nodes)) for value in graph.proto.graph.output)
    alive = {value.name: sizes[value.name] for value in graph.proto.graph.input if value.name in sizes}
    peak = sum(alive.values())
    for index, node in enumerate(nodes):
        alive.update((name, sizes[name]) for name in node.output if name and not graph.is_constant(name))
        peak = max(peak, sum(alive.values()))
        alive = {name: size for name, size in alive.items() if last_use.get(name, -1) > index}
    return Memory(graph.weights_bytes, peak, None)


@functools.lru_cache(maxsize=4)
def _activation_sizes(graph: OnnxGraph, batch: int) -> dict[str, float]:
    """Bytes of every tensor of a known shape, without constants; computed once for all boards."""
    sizes = {name: _bytes(kind) for name, kind in types_of(graph.proto, batch).items() if name not in graph.tensors}
    return {name: size for name, size in sizes.items() if size is not None}


def _bytes(kind: Any) -> float | None:
    """Bytes of a tensor's type; None if the element or a dimension is not known."""
    from onnx import TensorProto

    lengths, element = lengths_of(kind), kind.tensor_type.elem_type
    if lengths is None or min(lengths, default=0) < 0 or element not in TensorProto.DataType.values() or not element:
        return None
    return elements(lengths) * element_size(element)


def size_in_words(size_bytes: float) -> str:
    """A size in KiB or MiB, such as 11.6 MiB."""
    return f"{size_bytes / 2**20:,.1f} MiB" if size_bytes >= 2**20 else f"{size_bytes / 2**10:,.1f} KiB"
