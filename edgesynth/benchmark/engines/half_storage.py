"""FP16 as a GPU stores it: a file of FP16 types, rewritten so that ONNX Runtime on a CPU rounds every result to FP16.

A CPU has hardly an FP16 kernel. ONNX Runtime computes such a file in FP32 from one end to the other, so that a sum
above 65,504 or a quotient by 1e-8 comes out right there, and as infinity or nan on the device. Here each operator still
computes in FP32, as TensorRT's kernels accumulate, and what it writes passes through FP16: rounded, infinite beyond
65,504, zero below 3e-8.
"""

from typing import Any, Iterator, List, Set, Tuple

import numpy as np

from edgesynth.files.protobuf import Value, contents, field, fields_of, text

# Field numbers and values of onnx.proto.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_VALUE_INFO = 1, 5, 13
_NODE_INPUT, _NODE_OUTPUT, _NODE_OP, _NODE_ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INT, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TYPE, _ATTRIBUTE_GRAPHS = 1, 3, 6, 20, 11
_TENSOR_DATA_TYPE, _TENSOR_NAME = 2, 8
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _TENSOR_ELEMENT = 1, 2, 1, 1
_FLOAT, _FLOAT16, _INT = 1, 10, 2

# What these write of FP16 numbers are FP16 numbers.
_EXACT = frozenset(
    {
        "Relu",
        "MaxPool",
        "GlobalMaxPool",
        "Reshape",
        "Transpose",
        "Flatten",
        "Concat",
        "Slice",
        "Split",
        "Squeeze",
        "Unsqueeze",
        "Expand",
        "Gather",
        "Pad",
        "Identity",
        "Neg",
        "Abs",
        "DepthToSpace",
        "SpaceToDepth",
    }
)


def rounding(ort: Any, content: bytes) -> Tuple[bytes, Any]:
    """A model that rounds to FP16, and the optimization level at which this ONNX Runtime keeps the rounding.

    Args:
        ort: the module onnxruntime.
        content: an ONNX file with its weights inside.

    Returns:
        The rewritten file, and a member of `ort.GraphOptimizationLevel`.
    """
    levels = ort.GraphOptimizationLevel
    # 1.15 and older take the way through FP16 for a detour, and leave it out wherever they optimize; 1.18 does not.
    return stored_in_half(content), levels.ORT_ENABLE_ALL if _keeps_detours(ort) else levels.ORT_DISABLE_ALL


def stored_in_half(content: bytes) -> bytes:
    """Rewrite a model so that every FP16 tensor is computed in FP32 and passes through FP16.

    Constants become FP32 behind a Cast. Only tensors that the file itself declares as FP16 are rounded; a file without
    any is returned as it is, and so is one with graphs within nodes (If, Loop), which none of ours has.

    Args:
        content: an ONNX file with its weights inside; its inputs and outputs are not FP16.

    Raises:
        ValueError: it is no protobuf.
    """
    model = memoryview(content)
    graph = b"".join(contents(model, _MODEL_GRAPH))
    fields = list(fields_of(memoryview(graph)))
    nodes = [value for number, value in fields if number == _GRAPH_NODE and isinstance(value, memoryview)]
    half = _half_tensors(fields)
    if not half or any(_has_graphs(node) for node in nodes):
        return content
    written: List[bytes] = []
    # Constants first: a node may read only what stands before it.
    for number, value in fields:
        if number == _GRAPH_INITIALIZER and isinstance(value, memoryview):
            written += _constant(value)
    for number, value in fields:
        if number == _GRAPH_NODE and isinstance(value, memoryview):
            written += _node(value, half)
        elif number not in (_GRAPH_INITIALIZER, _GRAPH_VALUE_INFO):  # which would still declare FP16
            written.append(field(number, _plain(value)))
    others = [field(number, _plain(value)) for number, value in fields_of(model) if number != _MODEL_GRAPH]
    return b"".join(others) + field(_MODEL_GRAPH, b"".join(written))


def _half_tensors(fields: List[Tuple[int, Value]]) -> Set[str]:
    """Names of the tensors that nodes write in FP16."""
    half = set()
    for number, value in fields:
        if number == _GRAPH_VALUE_INFO and isinstance(value, memoryview):
            facts = dict(fields_of(value))
            if _element_type(facts.get(_VALUE_TYPE, 0)) == _FLOAT16:
                half.add(text(facts.get(_VALUE_NAME)))
        elif number == _GRAPH_NODE and isinstance(value, memoryview) and _cast_to(value) == _FLOAT16:
            half.update(text(name) for name in contents(value, _NODE_OUTPUT))
    return half


def _element_type(kind: Value) -> Value:
    if not isinstance(kind, memoryview):
        return 0
    for tensor in contents(kind, _TYPE_TENSOR):
        return dict(fields_of(tensor)).get(_TENSOR_ELEMENT, 0)
    return 0


def _cast_to(node: memoryview) -> Value:
    """The type that a Cast gives; 0 of any other node."""
    if text(dict(fields_of(node)).get(_NODE_OP)) != "Cast":
        return 0
    for attribute in contents(node, _NODE_ATTRIBUTE):
        facts = dict(fields_of(attribute))
        if text(facts.get(_ATTRIBUTE_NAME)) == "to":
            return facts.get(_ATTRIBUTE_INT, 0)
    return 0


def _has_graphs(node: memoryview) -> bool:
    return any(
        number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS)
        for attribute in contents(node, _NODE_ATTRIBUTE)
        for number, _ in fields_of(attribute)
    )


def _constant(tensor: memoryview) -> Iterator[bytes]:
    """A constant of the graph; of FP16, under another name and with a Cast to FP32 behind it."""
    facts = dict(fields_of(tensor))
    if facts.get(_TENSOR_DATA_TYPE) != _FLOAT16:
        yield field(_GRAPH_INITIALIZER, bytes(tensor))
        return
    name = text(facts.get(_TENSOR_NAME))
    kept = [field(number, _plain(value)) for number, value in fields_of(tensor) if number != _TENSOR_NAME]
    yield field(_GRAPH_INITIALIZER, b"".join(kept) + field(_TENSOR_NAME, name + "/half"))
    yield _operator("Cast", name + "/half", name, _FLOAT)


def _node(node: memoryview, half: Set[str]) -> Iterator[bytes]:
    """A node, and behind it what takes its outputs through FP16."""
    operator = text(dict(fields_of(node)).get(_NODE_OP))
    outputs = [text(name) for name in contents(node, _NODE_OUTPUT) if text(name) in half]
    if operator in _EXACT or not outputs:
        yield field(_GRAPH_NODE, bytes(node))
        return
    renamed = []
    for number, value in fields_of(node):
        content = _plain(value)
        if number == _NODE_OUTPUT and text(value) in half:
            content = text(value) + "/exact"
        renamed.append(field(number, content))
    yield field(_GRAPH_NODE, b"".join(renamed))
    for name in outputs:
        yield _operator("Cast", name + "/exact", name + "/half", _FLOAT16)
        # Two Casts that follow each other undo each other, as older releases see it.
        yield _operator("Identity", name + "/half", name + "/stored")
        yield _operator("Cast", name + "/stored", name, _FLOAT)


def _operator(kind: str, given: str, written: str, to: int = 0) -> bytes:
    """A node of one input and one output as a field of its graph; `to` is the type of a Cast."""
    content = field(_NODE_INPUT, given) + field(_NODE_OUTPUT, written) + field(_NODE_OP, kind)
    if to:
        attribute = field(_ATTRIBUTE_NAME, "to") + field(_ATTRIBUTE_INT, to) + field(_ATTRIBUTE_TYPE, _INT)
        content += field(_NODE_ATTRIBUTE, attribute)
    return field(_GRAPH_NODE, content)


def _plain(value: Value) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _keeps_detours(ort: Any) -> bool:
    """Whether an optimizing session keeps Casts to FP16 and back: a number beyond FP16 becomes infinity."""
    kind = field(_TYPE_TENSOR, field(_TENSOR_ELEMENT, _FLOAT) + field(2, field(1, field(1, 1))))
    graph = _operator("Cast", "x", "half", _FLOAT16)
    graph += _operator("Identity", "half", "stored") + _operator("Cast", "stored", "y", _FLOAT)
    graph += field(2, "detour") + field(11, field(_VALUE_NAME, "x") + field(_VALUE_TYPE, kind))
    graph += field(12, field(_VALUE_NAME, "y") + field(_VALUE_TYPE, kind))
    model = field(1, 7) + field(8, field(2, 13)) + field(_MODEL_GRAPH, graph)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {"x": np.array([1e5], np.float32)})
    return bool(np.isinf(answer[0]))
