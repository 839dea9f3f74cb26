"""Which engine is built at each precision, from which file, and what is to be known of it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from edgesynth.boards.board import Board, Version
from edgesynth.boards.calibration_cache import cache_from_ranges, read_ranges
from edgesynth.errors import UserError
from edgesynth.planning.cost import Prediction
from edgesynth.planning.onnx.onnx_graph import OnnxGraph, elements
from edgesynth.planning.parsers.parser import dotted

STRONGLY_TYPED = (11, 0)  # from here on no FP16 and INT8 flags and no calibrators: the file's own types decide
_OLDEST_GPU_OF_11 = (7, 5)


class Build(NamedTuple):
    """One engine.

    Attributes:
        precision: "fp32", "fp16" or "int8".
        native: whether the GPU has it by hardware; None where it is not known.
        form: the form of the model that it is built from, "fp32", "fp16" or "int8"; "" where there is none.
        source: the same in words; "" where there is none.
        problem: why it cannot be built; "" if it can.
        note: what is to be known of it.
        predicted: its predicted latency and energy; None where there is no prediction.
    """

    precision: str
    native: bool | None
    form: str
    source: str
    problem: str
    note: str = ""
    predicted: Prediction | None = None

    @property
    def will_build(self) -> bool:
        """Whether it can be built."""
        return not self.problem

    def prevented(self, problem: str) -> "Build":
        """The build marked as not buildable, unless it has a reason already."""
        return self if self.problem else self._replace(problem=problem)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        predicted = self.predicted.to_json() if self.predicted is not None else None
        return dict(self._asdict(), will_build=self.will_build, predicted=predicted)


def builds_of(
    graphs: dict[str, OnnxGraph],
    refused: dict[str, str | None],
    ranges: str | None,
    board: Board,
    version: Version,
    kept: Sequence[dict[str, str]] = (),
) -> list[Build]:
    """The builds at fp32, fp16 and int8.

    Args:
        graphs: file of each form: "fp32" (plain), "fp16" (of FP16 types), "int8" (Q/DQ).
        refused: why the parser refuses each of them, None if it does not.
        ranges: path of ranges.json; None if there is none.
        board: the board.
        version: of TensorRT.
        kept: layers that FP16 cannot compute: `layer`, `op` and `why` of each.
    """
    maker = _Maker(graphs, refused, ranges, board, version, kept)
    builds = [maker.fp32(), maker.fp16(), maker.int8()]
    if version >= STRONGLY_TYPED and board.sm and board.sm < _OLDEST_GPU_OF_11:
        reason = f"TensorRT {dotted(version)} needs a GPU of sm_75 or newer and {board.title} is {board.sm_name}"
        builds = [build.prevented(reason) for build in builds]
    return builds


class _Maker:
    """What the builds of one model share."""

    def __init__(
        self,
        graphs: dict[str, OnnxGraph],
        refused: dict[str, str | None],
        ranges: str | None,
        board: Board,
        version: Version,
        kept: Sequence[dict[str, str]],
    ) -> None:
        self.kept = kept
        self.graphs = graphs
        self.refused = refused
        self.ranges = ranges
        self.board = board
        self.version = version

    def fp32(self) -> Build:
        """From the plain file."""
        return self._from("fp32", "fp32", True, "")

    def fp16(self) -> Build:
        """From the plain file and TensorRT's flag; since TensorRT 11 from a file of FP16 types."""
        native = self.board.native_fp16
        if self.version >= STRONGLY_TYPED:
            key = "fp16" if "fp16" in self.graphs else "fp32"
            if key == "fp16" or (key in self.graphs and is_half(self.graphs[key])):
                return self._from("fp16", key, native, self._kept_note())
            problem = "TensorRT {} has no FP16 flag, the file's types decide: it needs a model.fp16.onnx"
            return Build("fp16", native, "", "", problem.format(dotted(self.version)))
        notes = [] if native else ["no faster than fp32: the GPU has no FP16 units"]
        return self._from("fp16", "fp32", native, "; ".join([*notes, self._kept_note()] if self.kept else notes))

    def int8(self) -> Build:
        """From the Q/DQ file where the GPU has INT8, else from the plain file and its ranges."""
        native = self.board.native_int8
        can_calibrate = "fp32" in self.graphs and self.version < STRONGLY_TYPED
        if "int8" in self.graphs and (native or self.version >= STRONGLY_TYPED):
            build = self._from("int8", "int8", native, "")
            if build.will_build or not can_calibrate:
                return build
        if can_calibrate:
            return self._from_ranges(native)
        if "int8" in self.graphs:
            problem = "{} holds Q/DQ nodes, and {}: TensorRT refuses it; give the plain file, and use fp16".format(
                self.graphs["int8"].file, self._no_int8()
            )
        else:
            problem = f"TensorRT {dotted(self.version)} takes INT8 from a Q/DQ file alone: export with --int8"
        return Build("int8", native, "", "", problem)

    def _from(self, precision: str, key: str, native: bool | None, note: str) -> Build:
        if key not in self.graphs:
            problem = "there is no plain file: a Q/DQ file is built at int8" if key == "fp32" else "there is no file"
            return Build(precision, native, "", "", problem)
        return Build(precision, native, key, self.graphs[key].file, self.refused[key] or "", note)

    def _from_ranges(self, native: bool | None) -> Build:
        file = self.graphs["fp32"].file
        if self.ranges is None:
            problem = "the file has no Q/DQ nodes and there is no ranges.json to quantize it by: give a bundle"
            return Build("int8", native, "", "", problem)
        problem, note = self._ranges_problem()
        if not native:
            slower = f"{self._no_int8()}: may be slower than fp16, and costs accuracy; use fp16"
            note = f"{slower}; {note}" if note else slower
        source = f"{file} + ranges.json"
        return Build("int8", native, "fp32", source, self.refused["fp32"] or problem, note)

    def _ranges_problem(self) -> tuple[str, str]:
        """Why the ranges cannot be used, and what stays in floating point."""
        assert self.ranges is not None
        graph = self.graphs["fp32"]
        try:
            amax, floating = read_ranges(self.ranges)
            # Whether ranges can be written does not depend on the patch version, which only the board knows.
            cache_from_ranges(amax, f"{dotted(self.version)}.0")
        except UserError as error:
            return str(error), ""
        names = [value.name for value in graph.proto.graph.input]
        names += [name for node in graph.nodes for name in node.outputs]
        names = [name for name in names if name and not graph.is_constant(name)]
        missing = [name for name in names if name not in amax]
        if len(missing) == len(names):
            return f"ranges.json names no tensor of {graph.file}: export the bundle again", ""
        notes = []
        if missing:
            notes.append(f"{len(missing)} tensors have no range and stay in floating point ({missing[0]} first)")
        if floating:
            notes.append(f"{len(floating)} layers stay in floating point for their accuracy ({floating[0]} first)")
        return "", "; ".join(notes)

    def _kept_note(self) -> str:
        """How many layers stay in FP32, and why; empty if none do."""
        if not self.kept:
            return ""
        count, first = len(self.kept), self.kept[0]
        return "{} layer{} in FP32, which FP16 cannot hold ({} {}{}: {})".format(
            count,
            " stays" if count == 1 else "s stay",
            first["op"],
            first["layer"],
            "" if count == 1 else " first",
            first["why"],
        )

    def _no_int8(self) -> str:
        known = "has no INT8 units" if self.board.native_int8 is False else "is not known to have INT8 units"
        return f"{self.board.title} ({self.board.sm_name}) {known}"


def is_half(graph: OnnxGraph) -> bool:
    """Whether most weights of a file are FP16: some stay in FP32 with what FP16 cannot compute."""
    from onnx import TensorProto

    counts = {TensorProto.FLOAT16: 0, TensorProto.FLOAT: 0}
    for tensor in graph.tensors.values():
        if tensor.data_type in counts:
            counts[tensor.data_type] += elements(tensor.dims)
    return counts[TensorProto.FLOAT16] > counts[TensorProto.FLOAT]
