"""As much of an ONNX file as a board can read without the package onnx: its nodes' names, and where its weights lie."""

import os
from typing import Iterator, List, NamedTuple, Optional, Tuple, Union

# Field numbers of onnx.proto.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_NAME, _NODE_OP = 3, 4
_TENSOR_EXTERNAL = 13
_ENTRY_KEY, _ENTRY_VALUE = 1, 2

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class OnnxNode(NamedTuple):
    """A node's name, "" if it has none, and its operator."""

    name: str
    op: str


def node_at(path: str, number: int) -> Optional[OnnxNode]:
    """The node of a number in the order of the file; None if there is no such node."""
    for place, node in enumerate(nodes_of(path)):
        if place == number:
            return node
    return None


def nodes_of(path: str) -> Iterator[OnnxNode]:
    """Nodes of the main graph in the order of the file; none if it is not an ONNX file."""
    for content in _graph(path, _GRAPH_NODE):
        fields = {field: value for field, value in _fields(content) if field in (_NODE_NAME, _NODE_OP)}
        yield OnnxNode(_text(fields.get(_NODE_NAME)), _text(fields.get(_NODE_OP)))


def external_files(path: str) -> List[str]:
    """Paths of the files that hold weights of the model, sorted; none if all are inside."""
    folder = os.path.dirname(os.path.abspath(path))
    found = set()
    for tensor in _graph(path, _GRAPH_INITIALIZER):
        for entry in _contents(tensor, _TENSOR_EXTERNAL):
            fields = dict(_fields(entry))
            if _text(fields.get(_ENTRY_KEY)) == "location":
                found.add(os.path.join(folder, _text(fields.get(_ENTRY_VALUE))))
    return sorted(found)


def _graph(path: str, number: int) -> Iterator[memoryview]:
    """The graph's fields of a number; what is no protobuf ends them early."""
    with open(path, "rb") as file:
        content = memoryview(file.read())
    try:
        for graph in _contents(content, _MODEL_GRAPH):
            for field in _contents(graph, number):
                yield field
    except ValueError:
        return


def _contents(message: memoryview, number: int) -> Iterator[memoryview]:
    for field, value in _fields(message):
        if field == number and isinstance(value, memoryview):
            yield value


def _fields(message: memoryview) -> Iterator[Tuple[int, Union[int, memoryview]]]:
    """Pairs of a field's number and its value: bytes as they are, numbers as int."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind, value = tag & 7, 0  # type: Tuple[int, Union[int, memoryview]]
        if kind == _VARINT:
            value, place = _varint(message, place)
        elif kind == _BYTES:
            length, place = _varint(message, place)
            value, place = message[place : place + length], place + length
        elif kind in (_FIXED64, _FIXED32):
            place += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("wire type {}".format(kind))
        if place > len(message):
            raise ValueError("cut off")
        yield tag >> 3, value


def _varint(message: memoryview, place: int) -> Tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(message):
            raise ValueError("cut off")
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _text(value: Union[int, memoryview, None]) -> str:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, memoryview) else ""
