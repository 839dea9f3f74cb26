"""Weights that lie outside of an ONNX file: which files they are in, found without the package onnx.

Runtimes open whatever path a tensor names. So every tensor of a file is looked at before any of them is given the file:
those of the graph, of graphs within it, of attributes, functions, training graphs and sparse tensors.
"""

import os
import re
from typing import Dict, List, NamedTuple, Optional, Tuple

from edgesynth.errors import UserError
from edgesynth.files.path_within import path_within
from edgesynth.files.protobuf import Value, fields_of

# Which fields of onnx.proto hold messages that may hold tensors: {message: {number: message}}.
_MODEL = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}  # type: Dict[str, Dict[int, str]]
_DATA_LOCATION, _EXTERNAL = 14, 1
_KEY, _VALUE = 1, 2
_DEEPEST = 100  # protobuf's own readers go no deeper


class ExternalData(NamedTuple):
    """Where the values of a tensor lie.

    Attributes:
        path: of the file, in the folder of the ONNX file or below.
        end: byte in it that the values end before, as far as the ONNX file says.
    """

    path: str
    end: int


def external_data(path: str) -> List[ExternalData]:
    """Where the weights lie that are not in an ONNX file; none if all are inside.

    Args:
        path: of the ONNX file.

    Raises:
        UserError: it is no ONNX file, or names a file outside of its own folder, or a link.
    """
    folder = os.path.dirname(os.path.abspath(path))
    with open(path, "rb") as file:
        content = memoryview(file.read())
    try:
        tensors = _tensors(content)
    except ValueError as error:
        raise UserError("{} is not an ONNX model ({}); export it again".format(path, error)) from None
    places = []
    for entries, is_external in tensors:
        # All of a name are checked, whichever of them a runtime takes.
        inside = [path_within(folder, value, path) for key, value in entries if key == "location"]
        if is_external:
            values = dict(entries)
            end = _bytes(path, values, "offset") + _bytes(path, values, "length")
            places += [ExternalData(location, end) for location in inside]
    return places


def external_files(path: str) -> List[str]:
    """Paths of the files that hold weights of a model, sorted; see `external_data`."""
    return sorted({data.path for data in external_data(path)})


def check_external_files(path: str) -> List[str]:
    """Refuse an ONNX file whose weights are not where it says.

    Args:
        path: of the ONNX file.

    Returns:
        As `external_files`.

    Raises:
        UserError: see `external_data`; or a file is missing, or too short.
    """
    places = external_data(path)
    for data in places:
        if not os.path.isfile(data.path):
            raise UserError(
                "{} keeps weights in {}, which is {}; restore that file".format(
                    path, data.path, "no file" if os.path.exists(data.path) else "missing"
                )
            )
        if os.path.getsize(data.path) < data.end:
            raise UserError(
                "{} keeps weights in {}, which is cut off ({:,} bytes, and weights up to byte {:,}); restore that "
                "file".format(path, data.path, os.path.getsize(data.path), data.end)
            )
    return sorted({data.path for data in places})


def _tensors(content: memoryview) -> List[Tuple[List[Tuple[str, str]], bool]]:
    """Of each tensor with external data: its keys and values, and whether values are inside too.

    Raises:
        ValueError: it is no protobuf, cut off, or nested too deeply.
    """
    tensors = []
    waiting = [("model", content, 0)]
    while waiting:
        kind, message, depth = waiting.pop()
        if depth > _DEEPEST:
            raise ValueError("nested more than {} deep".format(_DEEPEST))
        entries, is_external = [], False
        for number, value in fields_of(message):
            inner = _MODEL[kind].get(number)
            if kind == "tensor" and number == _DATA_LOCATION:
                is_external = value == _EXTERNAL
            elif inner == "entry" and isinstance(value, memoryview):
                fields = dict(fields_of(value))
                entries.append((_text(fields.get(_KEY)), _text(fields.get(_VALUE))))
            elif inner is not None and isinstance(value, memoryview):
                waiting.append((inner, value, depth + 1))
        if entries or is_external:
            tensors.append((entries, is_external))
    return tensors


def _text(value: Optional[Value]) -> str:
    """A field of text; what is not UTF-8 is refused, for a runtime would take its bytes as they are."""
    return bytes(value).decode("utf-8") if isinstance(value, memoryview) else ""


def _bytes(path: str, values: Dict[str, str], key: str) -> int:
    """A number of bytes that stands there as text; 0 if it does not."""
    value = values.get(key, "0")
    if not re.fullmatch("[0-9]{1,18}", value):
        raise UserError("{} is damaged: the {} of weights is {!r}; export it again".format(path, key, value[:40]))
    return int(value)
