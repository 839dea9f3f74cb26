"""The graph of an ONNX file as far as a probe needs it; weights are not read, and the package onnx is not needed."""

from typing import Dict, List, Tuple

from edgesynth.errors import UserError
from edgesynth.files.protobuf import contents, field, fields_of, numbers, text

# Field numbers of onnx.proto.
_MODEL_IR, _MODEL_GRAPH, _MODEL_OPSET = 1, 7, 8
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_VALUE = 1, 5, 11, 12, 13
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OP, _NODE_ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_I, _ATTRIBUTE_S, _ATTRIBUTE_INTS = 1, 3, 4, 8
_TENSOR_DIMS, _TENSOR_NAME = 1, 8
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _TENSOR_SHAPE, _SHAPE_DIM, _DIM_VALUE = 1, 2, 1, 2, 1, 1


class Node:
    """A node: its attributes are numbers, lists of numbers or text.

    Attributes:
        op: its type.
        name: its name, else that of what it writes.
        inputs: names of tensors, "" for one that is left out.
        outputs: likewise.
    """

    def __init__(self, message: memoryview) -> None:
        self._message = message
        fields = dict(fields_of(message))
        self.op = text(fields.get(_NODE_OP))
        self.inputs = [text(name) for name in contents(message, _NODE_INPUT)]
        self.outputs = [text(name) for name in contents(message, _NODE_OUTPUT)]
        self.name = text(fields.get(_NODE_NAME)) or (self.outputs[0] if self.outputs else self.op)
        self._attributes = {
            text(dict(fields_of(attribute)).get(_ATTRIBUTE_NAME)): attribute
            for attribute in contents(message, _NODE_ATTRIBUTE)
        }

    def number(self, name: str, default: int) -> int:
        """An attribute of one number."""
        if name not in self._attributes:
            return default
        return int(dict(fields_of(self._attributes[name])).get(_ATTRIBUTE_I, 0))

    def list(self, name: str) -> List[int]:
        """An attribute of numbers, none if it is not there."""
        return numbers(self._attributes[name], _ATTRIBUTE_INTS) if name in self._attributes else []

    def text(self, name: str) -> str:
        """An attribute of text, "" if it is not there."""
        return text(dict(fields_of(self._attributes[name])).get(_ATTRIBUTE_S)) if name in self._attributes else ""

    def renamed(self, names: Dict[str, str]) -> bytes:
        """The node as a message, its tensors by other names."""
        message = b""
        for number, value in fields_of(self._message):
            if number in (_NODE_INPUT, _NODE_OUTPUT):
                message += field(number, names[text(value)])
            elif number != _NODE_NAME:
                message += field(number, value if isinstance(value, int) else bytes(value))
        return message


class Graph:
    """The graph of one file.

    Attributes:
        path: of the file.
        form: its fields that say IR and opset, as bytes.
        weights: shapes of its stored tensors.
        stored: the same tensors as messages.
        sizes: shapes of its other tensors, as far as the file tells them; 0 for what is free.
        nodes: in the order of the file.
        outputs: names of what it gives.
    """

    def __init__(self, path: str, model: memoryview) -> None:
        self.path = path
        graph = next(contents(model, _MODEL_GRAPH), None)
        if graph is None:
            raise ValueError("it holds no graph")
        self.form = b""
        for number, value in fields_of(model):
            if number in (_MODEL_IR, _MODEL_OPSET):
                self.form += field(number, value if isinstance(value, int) else bytes(value))
        self.weights: Dict[str, Tuple[int, ...]] = {}
        self.stored: Dict[str, memoryview] = {}
        for tensor in contents(graph, _GRAPH_INITIALIZER):
            name = text(dict(fields_of(tensor)).get(_TENSOR_NAME))
            self.weights[name] = tuple(numbers(tensor, _TENSOR_DIMS))
            self.stored[name] = tensor
        self.sizes: Dict[str, Tuple[int, ...]] = {}
        for number in (_GRAPH_OUTPUT, _GRAPH_INPUT, _GRAPH_VALUE):
            for value in contents(graph, number):
                self.sizes[text(dict(fields_of(value)).get(_VALUE_NAME))] = _dims(value)
        self.nodes = [Node(message) for message in contents(graph, _GRAPH_NODE)]
        self.outputs = [text(dict(fields_of(value)).get(_VALUE_NAME)) for value in contents(graph, _GRAPH_OUTPUT)]

    def size_read_by(self, node: Node) -> Tuple[int, ...]:
        """Shape of the first tensor that a node reads.

        Raises:
            UserError: the file does not tell it.
        """
        size = self.sizes.get(node.inputs[0], ())
        if len(size) < 2 or any(length < 1 for length in size[1:]):
            raise UserError(
                "{} does not tell the shape of {}, which {} reads; take the file of `edgesynth export`, or write "
                "shapes into this one on a workstation: onnx.shape_inference.infer_shapes_path".format(
                    self.path, node.inputs[0], node.name
                )
            )
        return size


def read_graph(path: str) -> Graph:
    """Read a file.

    Raises:
        UserError: it is no ONNX file.
    """
    with open(path, "rb") as file:
        content = memoryview(file.read())
    try:
        return Graph(path, content)
    except ValueError as error:
        raise UserError("{} is not an ONNX file ({}); export it again".format(path, error)) from None


def _dims(value: memoryview) -> Tuple[int, ...]:
    """Shape of a value; 0 for what is free."""
    message = value
    for number in (_VALUE_TYPE, _TYPE_TENSOR, _TENSOR_SHAPE):
        inner = next(contents(message, number), None)
        if inner is None:
            return ()
        message = inner
    return tuple(sum(numbers(dim, _DIM_VALUE)) for dim in contents(message, _SHAPE_DIM))
