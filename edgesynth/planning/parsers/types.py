"""Types of what a node reads, against those that the importer of its operator takes: since TensorRT 10 nothing is cast.

A table's column of types is near the importers' and not the same. Where they differ it is the importers that count
(github.com/onnx/onnx-tensorrt: onnxOpImporters.cpp; held to NVIDIA's own parser by benchmarks/compiler_zoo).
"""

from collections.abc import Iterator

from edgesynth.planning.onnx.onnx_graph import Node, OnnxGraph
from edgesynth.planning.onnx.onnx_shapes import type_name_of
from edgesynth.planning.parsers.parser import Parser

# What ONNX calls a type, as the tables write it. DOUBLE is narrowed.
NAMES = {"FLOAT": "FP32", "DOUBLE": "FP32", "FLOAT16": "FP16", "BFLOAT16": "BF16", "FLOAT8E4M3FN": "FP8"}
_WHOLE = frozenset(("INT32", "INT64"))
# Taken, though the table does not list it.
_TAKEN = {
    "Clip": _WHOLE,
    "Pow": _WHOLE,
    "Equal": frozenset(("BOOL", "UINT8")),
    "Pad": frozenset(("BOOL",)),
    "ScatterElements": frozenset(("BOOL",)),
    "ScatterND": frozenset(("BOOL",)),
    "NonZero": frozenset(("BF16", "BOOL", "INT32", "INT64")),
}
# Refused, though the table lists it: FP16 and BF16 meet constants that the importer writes in FP32.
_REFUSED = {
    "Celu": frozenset(("FP16", "BF16")),
    "Range": frozenset(("FP16", "BF16")),
    "Relu": frozenset(("INT32",)),
}
# INT8 is listed nowhere but taken, as that of quantized tensors, by all but these and `Clip` without stored bounds.
_REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
_NO_INT8 = frozenset(("Mod", *(f"Reduce{name}" for name in _REDUCTIONS)))
# They compute with no values, or what they read first is none of them; quantization.py has Q and DQ.
_NOT_CHECKED = frozenset(("Constant", "ConstantOfShape", "Identity", "If", "Loop", "OneHot", "Scan", "Shape", "Size"))
_QUANTIZATION = frozenset(("QuantizeLinear", "DequantizeLinear"))
# What only quantization reads and writes.
_PACKED = ("FP8", "INT4", "FLOAT4E2M1")
_CASTS = frozenset(("INT8", "FP8", "INT4"))  # taken, though the table does not list them


def broken_types(graph: OnnxGraph, node: Node, parser: Parser) -> Iterator[str]:
    """What a parser refuses of the types of a node.

    Args:
        graph: where the node is from.
        node: the node.
        parser: of a version of TensorRT; the types are not checked where it has no table of them.
    """
    table = parser.operator_types.get(node.op)
    if table is None or node.op in _NOT_CHECKED | _QUANTIZATION:
        return
    if node.op in ("Cast", "CastLike"):
        target = _target(graph, node)
        if target is not None and target not in table | _CASTS:
            yield f"it casts to {target}, a type that {parser.name} does not have"
        return
    taken = (table | _TAKEN.get(node.op, frozenset())) - _REFUSED.get(node.op, frozenset())
    bounded = node.op == "Clip" and not all(graph.is_constant(name) for name in node.inputs[1:])
    if node.op not in _NO_INT8 and not bounded:
        taken |= {"INT8"}
    # Of `Where` the first is the condition.
    given = _name(type_name_of(graph, node.input(1 if node.op == "Where" else 0)))
    if given is not None and given in parser.types and given not in taken:
        yield f"it reads {given}; allowed: {', '.join(sorted(taken))}"


def packed_interface(graph: OnnxGraph) -> Iterator[str]:
    """Inputs and outputs of the network whose type only quantization reads and writes."""
    from onnx import TensorProto

    for value, partner in [(value, "DequantizeLinear") for value in graph.proto.graph.input] + [
        (value, "QuantizeLinear") for value in graph.proto.graph.output
    ]:
        kind = _name(TensorProto.DataType.Name(value.type.tensor_type.elem_type))
        if kind in _PACKED and value.name not in graph.tensors and not _meets(graph, value.name, partner):
            yield f"{value.name} is {kind}, which only {partner} may {'read' if partner[0] == 'D' else 'write'}"


def _meets(graph: OnnxGraph, name: str, op: str) -> bool:
    sides = [(node.op, node.inputs if op == "DequantizeLinear" else node.outputs) for node in graph.nodes]
    return all(other == op for other, names in sides if name in names)


def _target(graph: OnnxGraph, node: Node) -> str | None:
    from onnx import TensorProto

    if node.op == "CastLike":
        return _name(type_name_of(graph, node.input(1)))
    number = node.attributes.get("to")
    return _name(TensorProto.DataType.Name(number)) if number in TensorProto.DataType.values() else f"type {number}"


def _name(kind: str | None) -> str | None:
    return NAMES.get(kind, kind) if kind is not None else None
