"""The convolutions and linear layers of an ONNX file, as far as the file itself tells their shapes.

The board has no package that infers shapes. `edgesynth export` writes the shape of every tensor into the file.
"""

from typing import Dict, List, NamedTuple, Optional, Tuple

from edgesynth.boards.probed import LayerShape, convolution_shape, linear_shape
from edgesynth.errors import UserError
from edgesynth.files.protobuf import contents, fields_of, numbers, text

# Field numbers of onnx.proto.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_VALUE = 1, 5, 11, 13
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OP, _NODE_ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_I, _ATTRIBUTE_S, _ATTRIBUTE_INTS = 1, 3, 4, 8
_TENSOR_DIMS, _TENSOR_NAME = 1, 8
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _TENSOR_SHAPE, _SHAPE_DIM, _DIM_VALUE = 1, 2, 1, 2, 1, 1

_LINEAR = ("Gemm", "MatMul")


class ModelLayer(NamedTuple):
    """One layer of a model: its shape and its output channels."""

    name: str
    shape: LayerShape
    width: int


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
    with open(path, "rb") as file:
        content = memoryview(file.read())
    try:
        graph = next(contents(content, _MODEL_GRAPH), None)
        if graph is None:
            raise ValueError("it holds no graph")
        model = _Reader(path, graph).layers()
    except ValueError as error:
        raise UserError("{} is not an ONNX file ({}); export it again".format(path, error)) from None
    if not model.layers:
        raise UserError(
            "{} holds no convolution or linear layer that can be probed ({})".format(
                path, "; ".join(model.left_out) or "none of any kind"
            )
        )
    return model


class _Node:
    """A node: its attributes are numbers, lists of numbers or text."""

    def __init__(self, message: memoryview) -> None:
        fields = dict(fields_of(message))
        self.op = text(fields.get(_NODE_OP))
        self.inputs = [text(name) for name in contents(message, _NODE_INPUT)]
        outputs = [text(name) for name in contents(message, _NODE_OUTPUT)]
        self.name = text(fields.get(_NODE_NAME)) or (outputs[0] if outputs else self.op)
        self._attributes = {
            text(dict(fields_of(attribute)).get(_ATTRIBUTE_NAME)): attribute
            for attribute in contents(message, _NODE_ATTRIBUTE)
        }

    def number(self, name: str, default: int) -> int:
        if name not in self._attributes:
            return default
        return int(dict(fields_of(self._attributes[name])).get(_ATTRIBUTE_I, 0))

    def list(self, name: str) -> List[int]:
        return numbers(self._attributes[name], _ATTRIBUTE_INTS) if name in self._attributes else []

    def text(self, name: str) -> str:
        return text(dict(fields_of(self._attributes[name])).get(_ATTRIBUTE_S)) if name in self._attributes else ""


class _Reader:
    """Reads one graph."""

    def __init__(self, path: str, graph: memoryview) -> None:
        self._path = path
        self._graph = graph
        self._weights: Dict[str, Tuple[int, ...]] = {}
        for tensor in contents(graph, _GRAPH_INITIALIZER):
            name = text(dict(fields_of(tensor)).get(_TENSOR_NAME))
            self._weights[name] = tuple(numbers(tensor, _TENSOR_DIMS))
        self._sizes: Dict[str, Tuple[int, ...]] = {}
        for number in (_GRAPH_INPUT, _GRAPH_VALUE):
            for value in contents(graph, number):
                name = text(dict(fields_of(value)).get(_VALUE_NAME))
                self._sizes[name] = _dims(value)

    def layers(self) -> ModelLayers:
        layers: List[ModelLayer] = []
        left_out: List[str] = []
        for message in contents(self._graph, _GRAPH_NODE):
            node = _Node(message)
            if node.op not in ("Conv", "ConvTranspose") + _LINEAR:
                continue
            weight = self._weights.get(node.inputs[1]) if len(node.inputs) > 1 else None
            if weight is None:
                left_out.append("{}: its weight is not stored as it is".format(node.name))
                continue
            layer, reason = self._linear(node, weight) if node.op in _LINEAR else self._convolution(node, weight)
            if layer is not None:
                layers.append(layer)
            else:
                left_out.append("{}: {}".format(node.name, reason))
        return ModelLayers(layers, left_out)

    def _convolution(self, node: _Node, weight: Tuple[int, ...]) -> Tuple[Optional[ModelLayer], str]:
        if node.op == "ConvTranspose":
            return None, "a transposed convolution"
        size = self._size(node)[2:]
        if len(weight) < 3 or len(size) != len(weight) - 2:
            raise ValueError("{} has a weight of {} axes".format(node.name, len(weight)))
        given = {name: node.list(name) for name in ("strides", "dilations", "pads")}
        groups = node.number("group", 1)
        shape = convolution_shape(weight, size, groups, dict(given, auto_pad=node.text("auto_pad")))
        if shape is None:
            return None, "its padding is left to the engine (auto_pad)"
        return ModelLayer(node.name, shape, weight[0]), ""

    def _linear(self, node: _Node, weight: Tuple[int, ...]) -> Tuple[Optional[ModelLayer], str]:
        transposed = node.op == "Gemm" and bool(node.number("transB", 0))
        if len(weight) != 2 or node.number("transA", 0) or (node.op == "MatMul" and len(self._size(node)) != 2):
            return None, "a product of more than one row for each image"
        inputs, width = reversed(weight) if transposed else weight
        return ModelLayer(node.name, linear_shape(inputs), width), ""

    def _size(self, node: _Node) -> Tuple[int, ...]:
        """Shape of what a node reads.

        Raises:
            UserError: the file does not tell it.
        """
        shape = self._sizes.get(node.inputs[0], ())
        if len(shape) < 2 or any(length < 1 for length in shape[1:]):
            raise UserError(
                "{} does not tell the shape of {}, which {} reads; take the file of `edgesynth export`, or write "
                "shapes into this one on a workstation: onnx.shape_inference.infer_shapes_path".format(
                    self._path, node.inputs[0], node.name
                )
            )
        return shape


def _dims(value: memoryview) -> Tuple[int, ...]:
    """Shape of a value; 0 for what is free."""
    message = value
    for number in (_VALUE_TYPE, _TYPE_TENSOR, _TENSOR_SHAPE):
        inner = next(contents(message, number), None)
        if inner is None:
            return ()
        message = inner
    return tuple(sum(numbers(dim, _DIM_VALUE)) for dim in contents(message, _SHAPE_DIM))
