"""As much of an ONNX file as a board can read without the package onnx: its nodes' names and tensors."""

from typing import Dict, Iterator, NamedTuple, Optional, Tuple

from edgesynth.files.protobuf import contents, fields_of, text

# Field numbers of onnx.proto.
_MODEL_GRAPH = 7
_GRAPH_NODE = 1
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OP = 1, 2, 3, 4


class OnnxNode(NamedTuple):
    """A node's name, "" if it has none, and its operator."""

    name: str
    op: str


class Wiring(NamedTuple):
    """A node with the tensors that it reads and writes."""

    name: str
    op: str
    inputs: Tuple[str, ...]
    outputs: Tuple[str, ...]


def node_at(path: str, number: int) -> Optional[OnnxNode]:
    """The node of a number in the order of the file; None if there is no such node."""
    for place, node in enumerate(nodes_of(path)):
        if place == number:
            return node
    return None


def nodes_of(path: str) -> Iterator[OnnxNode]:
    """Nodes of the main graph in the order of the file; none if it is not an ONNX file."""
    for content in _graph(path, _GRAPH_NODE):
        fields = {field: value for field, value in fields_of(content) if field in (_NODE_NAME, _NODE_OP)}
        yield OnnxNode(text(fields.get(_NODE_NAME)), text(fields.get(_NODE_OP)))


def wiring_of(path: str) -> Iterator[Wiring]:
    """Nodes of the main graph with their tensors, in the order of the file; none if it is not an ONNX file."""
    for content in _graph(path, _GRAPH_NODE):
        fields = {field: value for field, value in fields_of(content) if field in (_NODE_NAME, _NODE_OP)}
        yield Wiring(
            text(fields.get(_NODE_NAME)),
            text(fields.get(_NODE_OP)),
            tuple(text(tensor) for tensor in contents(content, _NODE_INPUT)),
            tuple(text(tensor) for tensor in contents(content, _NODE_OUTPUT)),
        )


def writers_of(path: str) -> Dict[str, str]:
    """{tensor: name of the node of the main graph that writes it}."""
    writers = {}
    for content in _graph(path, _GRAPH_NODE):
        name = next((text(value) for value in contents(content, _NODE_NAME)), "")
        writers.update({text(tensor): name for tensor in contents(content, _NODE_OUTPUT)})
    return writers


def _graph(path: str, number: int) -> Iterator[memoryview]:
    """The graph's fields of a number; what is no protobuf ends them early."""
    with open(path, "rb") as file:
        content = memoryview(file.read())
    try:
        for graph in contents(content, _MODEL_GRAPH):
            for field in contents(graph, number):
                yield field
    except ValueError:
        return
