"""Every operator of an ONNX file, checked against one version of TensorRT."""

from collections.abc import Iterator
from typing import NamedTuple

from edgesynth.planning.onnx.onnx_graph import Node, OnnxGraph
from edgesynth.planning.parsers.parser import Parser, dotted
from edgesynth.planning.parsers.quantization import DQ, Q, broken_quantization
from edgesynth.planning.parsers.restrictions import Broken, broken_restrictions
from edgesynth.planning.parsers.types import NAMES, broken_types, packed_interface

NEWEST_WRITTEN = 18  # the newest opset that `edgesynth export` writes
# In a file's metadata: older opsets, with commas between, at which its network cannot be written.
REFUSED_OPSETS = "edgesynth.refused_opsets"

_IR_OF_82 = 7
_TYPE_NAMES = {name: kind for name, kind in NAMES.items() if name != "DOUBLE"}
_ADVICE = {"NonMaxSuppression": "; export without --nms-in-graph, and boxes.py of the bundle decodes on the board"}
# Narrowed with a warning where the parser does not have them: to INT32 and FP32.
_NARROWED = ("INT64", "DOUBLE")


class Finding(NamedTuple):
    """Something that the parser refuses, or that must be known.

    Attributes:
        op: the operator; "" where it is about the whole file.
        nodes: names of the nodes, the first of the file first.
        message: what was found, what is allowed, what to do.
        fatal: whether the parser refuses the file for it.
    """

    op: str
    nodes: tuple[str, ...]
    message: str
    fatal: bool

    def __str__(self) -> str:
        """`Reciprocal (3 nodes, the first is /a/b): not parsed by TensorRT 8.2`."""
        if not self.op:
            return self.message
        more = f"{len(self.nodes)} nodes, the first is " if len(self.nodes) > 1 else ""
        return f"{self.op} ({more}{self.nodes[0]}): {self.message}"


def check_graph(graph: OnnxGraph, parser: Parser) -> list[Finding]:
    """What a parser refuses of a file, the fatal first.

    Args:
        graph: the file.
        parser: of the version of TensorRT.
    """
    places: dict[tuple[str, Broken], list[str]] = {}
    for node in graph.nodes:
        for broken in _broken(graph, node, parser):
            places.setdefault((node.op, broken), []).append(node.name)
    findings = list(_of_file(graph, parser))
    findings += [Finding(op, tuple(nodes), *broken) for (op, broken), nodes in places.items()]
    return sorted(findings, key=lambda finding: not finding.fatal)


def _broken(graph: OnnxGraph, node: Node, parser: Parser) -> Iterator[Broken]:
    if node.domain:
        yield Broken(f"of the domain {node.domain}, which {parser.name} does not parse", True)
        return
    if node.op not in parser.restrictions:
        known = "" if node.op in parser.refused else " (it is newer than that parser, or needs a plugin)"
        yield Broken("not parsed by {}{}{}".format(parser.name, known, _ADVICE.get(node.op, "")), True)
        return
    if node.op in (Q, DQ):
        problem = broken_quantization(graph, node, parser.version)
        if problem:
            yield Broken(problem, True)
    for problem in broken_types(graph, node, parser):
        yield Broken(problem, True)
    yield from broken_restrictions(graph, node, parser.restrictions[node.op])


def _of_file(graph: OnnxGraph, parser: Parser) -> Iterator[Finding]:
    oldest, newest = parser.opsets
    if graph.opset > newest:
        # The parser tries, operator by operator; what changed its meaning since fails or computes something else.
        advice = _older_opset(graph, min(newest, NEWEST_WRITTEN))
        yield _file(
            f"opset {graph.opset} is newer than {newest}, the newest that {_documented(parser)} documents: {advice}",
            parser.table == parser.version,
        )
    if graph.opset < oldest:
        yield _file(f"opset {graph.opset} is older than {oldest}; {parser.name} only warns", False)
    if parser.version <= (8, 2) and graph.ir > _IR_OF_82:
        yield _file(f"IR {graph.ir} is newer than the {_IR_OF_82} of {parser.name}, which only logs it", False)
    for kind, names in sorted(_types(graph).items()):
        if kind in _NARROWED:
            if kind not in parser.types and any(name in graph_inputs(graph) for name in names):
                yield _file(f"input {names[0]} is {kind}; {parser.name} narrows it", False)
        elif kind not in parser.types and not _only_zero_points(graph, names):
            yield _file(f"{names[0]} is {kind}, a type that {parser.name} does not have", True)
    if parser.operator_types:
        for problem in packed_interface(graph):
            yield _file(problem, True)


def _older_opset(graph: OnnxGraph, opset: int) -> str:
    """What to do about a file that is too new: never an opset that the export has refused."""
    refused = {entry.key: entry.value for entry in graph.proto.metadata_props}.get(REFUSED_OPSETS, "").split(",")
    if str(opset) not in refused:
        return f"export it with --opset {opset}"
    return f"it cannot be written at opset {opset}, so change the operation that it lacks, or take a newer TensorRT"


def _documented(parser: Parser) -> str:
    if parser.table == parser.version:
        return parser.name
    return f"the table of TensorRT {dotted(parser.table)}, the last before {dotted(parser.version)},"


def _file(message: str, fatal: bool) -> Finding:
    return Finding("", (), message, fatal)


def graph_inputs(graph: OnnxGraph) -> list[str]:
    """Names of the inputs that a caller gives: initializers may be listed as inputs too."""
    return [value.name for value in graph.proto.graph.input if value.name not in graph.tensors]


def _types(graph: OnnxGraph) -> dict[str, list[str]]:
    """Names of inputs and constants by their type, as the tables write it."""
    from onnx import TensorProto

    names: dict[str, list[str]] = {}
    pairs = [(value.name, value.type.tensor_type.elem_type) for value in graph.proto.graph.input]
    pairs += [(name, tensor.data_type) for name, tensor in graph.tensors.items()]
    for name, number in pairs:
        known = number in TensorProto.DataType.values()
        kind = TensorProto.DataType.Name(number) if known else f"type {number}"
        names.setdefault(_TYPE_NAMES.get(kind, kind), []).append(name)
    return names


def _only_zero_points(graph: OnnxGraph, names: list[str]) -> bool:
    """Whether tensors are nothing but zero-points, which have a check of their own."""
    zero_points = {node.input(2) for node in graph.nodes if node.op in (Q, DQ)}
    return set(names) <= zero_points
