"""Whether INT8 is predicted to be worth its loss of accuracy: only where it is faster than what else can be built."""

from collections.abc import Sequence

from edgesynth.boards.board import Board, Version
from edgesynth.planning.cost.prediction import Floating
from edgesynth.planning.onnx.onnx_graph import OnnxGraph
from edgesynth.planning.parsers.quantization import DQ
from edgesynth.planning.plan.builds import STRONGLY_TYPED, Build, is_half

_PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def floating_layers(graph: OnnxGraph, build: Build, board: Board, version: Version) -> Floating | None:
    """The products that a Q/DQ file leaves in floating point, and in which; None where there is no such file.

    Up to TensorRT 10 they run at FP16, whose flag is set beside that of INT8. From 11 on the file's own type decides.

    Args:
        graph: that is built from.
        build: at any precision.
        board: whose GPU runs it.
        version: of TensorRT.
    """
    if build.precision != "int8" or not board.native_int8 or not graph.is_quantized():
        return None
    rounded = {name for node in graph.nodes if node.op == DQ for name in node.outputs}
    names = {node.name for node in graph.nodes if node.op in _PRODUCTS and not rounded.issuperset(node.inputs[:2])}
    half = is_half(graph) if version >= STRONGLY_TYPED else bool(board.native_fp16)
    return Floating(frozenset(names), "fp16" if half else "fp32")


def is_faster(int8: Build, others: Sequence[Build]) -> bool:
    """Whether INT8 is predicted to take less time than each of the others; so it is where there is no other."""
    if not others:
        return True
    if int8.predicted is None:
        return False
    rivals = [build.predicted.latency_ms for build in others if build.predicted is not None]
    return bool(rivals) and int8.predicted.latency_ms < min(rivals)


def compared(build: Build, builds: Sequence[Build]) -> Build:
    """The build, with a note where it is INT8 by hardware and not predicted to be faster than floating point."""
    others = [other for other in builds if other.will_build and other.native and other.precision != "int8"]
    if build.precision != "int8" or not (build.will_build and build.native) or is_faster(build, others):
        return build
    why = "not known to be faster" if build.predicted is None else "predicted to be no faster"
    # Of equals FP16, which comes last.
    fastest = min(others[::-1], key=lambda other: other.predicted.latency_ms if other.predicted else float("inf"))
    note = f"{why} than {fastest.precision}, which is more accurate"
    return build._replace(note=f"{build.note}; {note}" if build.note else note)
