"""What the builder of a TensorRT refuses of a Q/DQ file that its parser reads."""

from collections.abc import Iterator

from edgesynth.boards.board import Version
from edgesynth.boards.int8_limits import Convolution, beyond_int8
from edgesynth.planning.onnx.onnx_graph import Node, OnnxGraph
from edgesynth.planning.parsers.operators import Finding
from edgesynth.planning.parsers.quantization import DQ


def check_built(graph: OnnxGraph, version: Version) -> list[Finding]:
    """The convolutions between Q/DQ nodes that a version cannot build in INT8.

    Args:
        graph: the file.
        version: of TensorRT.
    """
    places: dict[str, list[str]] = {}
    for node, convolution in quantized_convolutions(graph):
        reason = beyond_int8(convolution, version)
        if reason:
            places.setdefault(reason, []).append(node.name)
    advice = "; export it again with this edgesynth, which leaves such layers in floating point"
    return [Finding("Conv", tuple(nodes), f"not built in INT8: {why}{advice}", True) for why, nodes in places.items()]


def quantized_convolutions(graph: OnnxGraph) -> Iterator[tuple[Node, Convolution]]:
    """The convolutions that read a dequantized input and weight."""
    writers = {name: node for node in graph.nodes for name in node.outputs if name}
    added = {name for node in graph.nodes if node.op == "Add" for name in node.inputs}

    def is_dequantized(name: str) -> bool:
        return name in writers and writers[name].op == DQ

    for node in graph.nodes:
        if node.op != "Conv" or not (is_dequantized(node.input(0)) and is_dequantized(node.input(1))):
            continue
        weight = graph.constant(node.input(1))
        if weight is not None and len(weight.dims) > 1:
            groups = node.attributes.get("group", 1)
            inputs, outputs = weight.dims[1] * groups, weight.dims[0]
            yield node, Convolution(inputs, outputs, groups, node.outputs[0] in added)
