"""Every operator of an ONNX file, held against what one version of TensorRT parses."""

from typing import Dict, Iterator, List, NamedTuple, Tuple

from edgesynth.boards.onnx_graph import Node, OnnxGraph
from edgesynth.boards.parser import Parser, dotted
from edgesynth.boards.quantisation import DQ, Q, broken_quantisation
from edgesynth.boards.restrictions import Broken, broken_restrictions

NEWEST_WRITTEN = 18  # the newest opset that `edgesynth export` writes
# In a file's metadata: older opsets, with commas between, at which its network cannot be written.
REFUSED_OPSETS = "edgesynth.refused_opsets"

_IR_OF_82 = 7
_TYPE_NAMES = {"FLOAT": "FP32", "FLOAT16": "FP16", "BFLOAT16": "BF16", "FLOAT8E4M3FN": "FP8"}
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
    nodes: Tuple[str, ...]
    message: str
    fatal: bool

    def __str__(self) -> str:
        """`Reciprocal (3 nodes, the first is /a/b): not parsed by TensorRT 8.2`."""
        if not self.op:
            return self.message
        more = "{} nodes, the first is ".format(len(self.nodes)) if len(self.nodes) > 1 else ""
        return "{} ({}{}): {}".format(self.op, more, self.nodes[0], self.message)


def check_graph(graph: OnnxGraph, parser: Parser) -> List[Finding]:
    """What a parser refuses of a file, the fatal first.

    Args:
        graph: the file.
        parser: of the version of TensorRT.
    """
    found: Dict[Tuple[str, Broken], List[str]] = {}
    for node in graph.nodes:
        for broken in _broken(graph, node, parser):
            found.setdefault((node.op, broken), []).append(node.name)
    findings = list(_of_file(graph, parser))
    findings += [Finding(op, tuple(nodes), *broken) for (op, broken), nodes in found.items()]
    return sorted(findings, key=lambda finding: not finding.fatal)


def _broken(graph: OnnxGraph, node: Node, parser: Parser) -> Iterator[Broken]:
    if node.domain:
        yield Broken("of the domain {}, which {} does not parse".format(node.domain, parser.name), True)
        return
    if node.op not in parser.restrictions:
        known = "" if node.op in parser.refused else " (it is newer than that parser, or needs a plugin)"
        yield Broken("not parsed by {}{}{}".format(parser.name, known, _ADVICE.get(node.op, "")), True)
        return
    if node.op in (Q, DQ):
        problem = broken_quantisation(graph, node, parser.version)
        if problem:
            yield Broken(problem, True)
    for broken in broken_restrictions(graph, node, parser.restrictions[node.op]):
        yield broken


def _of_file(graph: OnnxGraph, parser: Parser) -> Iterator[Finding]:
    oldest, newest = parser.opsets
    if graph.opset > newest:
        # The parser tries, operator by operator; what changed its meaning since fails or computes something else.
        advice = _older_opset(graph, min(newest, NEWEST_WRITTEN))
        yield _file(
            "opset {} is newer than {}, the newest that {} documents: {}".format(
                graph.opset, newest, _documented(parser), advice
            ),
            parser.table == parser.version,
        )
    if graph.opset < oldest:
        yield _file("opset {} is older than {}; {} only warns".format(graph.opset, oldest, parser.name), False)
    if parser.version <= (8, 2) and graph.ir > _IR_OF_82:
        yield _file(
            "IR {} is newer than the {} of {}, which only logs it".format(graph.ir, _IR_OF_82, parser.name), False
        )
    for kind, names in sorted(_types(graph).items()):
        if kind in _NARROWED:
            if kind not in parser.types and any(name in graph_inputs(graph) for name in names):
                yield _file("input {} is {}; {} narrows it".format(names[0], kind, parser.name), False)
        elif kind not in parser.types and not _only_zero_points(graph, names):
            yield _file("{} is {}, a type that {} does not have".format(names[0], kind, parser.name), True)


def _older_opset(graph: OnnxGraph, opset: int) -> str:
    """What to do about a file that is too new: never an opset that the export has refused."""
    refused = {entry.key: entry.value for entry in graph.proto.metadata_props}.get(REFUSED_OPSETS, "").split(",")
    if str(opset) not in refused:
        return "export it with --opset {}".format(opset)
    return "it cannot be written at opset {}, so change the operation that it lacks, or take a newer TensorRT".format(
        opset
    )


def _documented(parser: Parser) -> str:
    if parser.table == parser.version:
        return parser.name
    return "the table of TensorRT {}, the last before {},".format(dotted(parser.table), dotted(parser.version))


def _file(message: str, fatal: bool) -> Finding:
    return Finding("", (), message, fatal)


def graph_inputs(graph: OnnxGraph) -> List[str]:
    """Names of the inputs that a caller gives: initializers may be listed as inputs too."""
    return [value.name for value in graph.proto.graph.input if value.name not in graph.tensors]


def _types(graph: OnnxGraph) -> Dict[str, List[str]]:
    """Names of inputs and constants by their type, as the tables write it."""
    from onnx import TensorProto

    found: Dict[str, List[str]] = {}
    pairs = [(value.name, value.type.tensor_type.elem_type) for value in graph.proto.graph.input]
    pairs += [(name, tensor.data_type) for name, tensor in graph.tensors.items()]
    for name, number in pairs:
        known = number in TensorProto.DataType.values()
        kind = TensorProto.DataType.Name(number) if known else "type {}".format(number)
        found.setdefault(_TYPE_NAMES.get(kind, kind), []).append(name)
    return found


def _only_zero_points(graph: OnnxGraph, names: List[str]) -> bool:
    """Whether tensors are nothing but zero-points, which have a check of their own."""
    zero_points = {node.input(2) for node in graph.nodes if node.op in (Q, DQ)}
    return set(names) <= zero_points
