"""The convolutions and linear layers of an ONNX file, as far as the file itself tells their shapes.

The board has no package that infers shapes. `edgesynth export` writes the shape of every tensor into the file.
"""

from typing import List, NamedTuple, Optional, Tuple

from edgesynth.benchmark.probe.onnx_graph import Graph, Node, read_graph
from edgesynth.boards.probed import LayerShape, convolution_shape, linear_shape
from edgesynth.errors import UserError

_LINEAR = ("Gemm", "MatMul")


class ModelLayer(NamedTuple):
    """One layer of a model: its shape, its output channels, and the tensor that it writes."""

    name: str
    shape: LayerShape
    width: int
    output: str = ""


class ModelLayers(NamedTuple):
    """What a probe finds in a model.

    Attributes:
        layers: in the order of the file.
        left_out: layers that cannot be probed, each with its reason.
    """

    layers: List[ModelLayer]
    left_out: List[str]


def read_layers(path: str) -> ModelLayers:
    """Read the layers of a file; weights are not.

    Raises:
        UserError: it is no ONNX file, holds no layer, or does not tell the shape of what a convolution reads.
    """
    return layers_of(read_graph(path))


def layers_of(graph: Graph) -> ModelLayers:
    """The layers of a graph; see `read_layers`."""
    try:
        model = _Reader(graph).layers()
    except ValueError as error:
        raise UserError("{} is not an ONNX file ({}); export it again".format(graph.path, error)) from None
    if not model.layers:
        raise UserError(
            "{} holds no convolution or linear layer that can be probed ({})".format(
                graph.path, "; ".join(model.left_out) or "none of any kind"
            )
        )
    return model


class _Reader:
    """Reads one graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def layers(self) -> ModelLayers:
        layers: List[ModelLayer] = []
        left_out: List[str] = []
        for node in self._graph.nodes:
            if node.op not in ("Conv", "ConvTranspose") + _LINEAR:
                continue
            weight = self._graph.weights.get(node.inputs[1]) if len(node.inputs) > 1 else None
            if weight is None:
                left_out.append("{}: its weight is not stored as it is".format(node.name))
                continue
            layer, reason = self._linear(node, weight) if node.op in _LINEAR else self._convolution(node, weight)
            if layer is not None:
                layers.append(layer)
            else:
                left_out.append("{}: {}".format(node.name, reason))
        return ModelLayers(layers, left_out)

    def _convolution(self, node: Node, weight: Tuple[int, ...]) -> Tuple[Optional[ModelLayer], str]:
        if node.op == "ConvTranspose":
            return None, "a transposed convolution"
        size = self._graph.size_read_by(node)[2:]
        if len(weight) < 3 or len(size) != len(weight) - 2:
            raise ValueError("{} has a weight of {} axes".format(node.name, len(weight)))
        given = {name: node.list(name) for name in ("strides", "dilations", "pads")}
        groups = node.number("group", 1)
        shape = convolution_shape(weight, size, groups, dict(given, auto_pad=node.text("auto_pad")))
        if shape is None:
            return None, "its padding is left to the engine (auto_pad)"
        return ModelLayer(node.name, shape, weight[0], node.outputs[0]), ""

    def _linear(self, node: Node, weight: Tuple[int, ...]) -> Tuple[Optional[ModelLayer], str]:
        transposed = node.op == "Gemm" and bool(node.number("transB", 0))
        if (
            len(weight) != 2
            or node.number("transA", 0)
            or (node.op == "MatMul" and len(self._graph.size_read_by(node)) != 2)
        ):
            return None, "a product of more than one row for each image"
        inputs, width = reversed(weight) if transposed else weight
        return ModelLayer(node.name, linear_shape(inputs), width, node.outputs[0]), ""
