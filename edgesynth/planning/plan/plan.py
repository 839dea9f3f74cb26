"""Plan: what one board and its TensorRT will make of a model, before anything is built."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from edgesynth.boards.board import Board, PowerMode, Version
from edgesynth.boards.probed import ProbeTable
from edgesynth.boards.table import BOARDS
from edgesynth.errors import UserError
from edgesynth.planning.cost import Layer, layers_of, predict_layers
from edgesynth.planning.onnx.onnx_graph import OnnxGraph, read_graph
from edgesynth.planning.parsers.building import check_built
from edgesynth.planning.parsers.operators import Finding, check_graph
from edgesynth.planning.parsers.parser import NEWEST, TABLES, Parser, dotted, parse_version, parser_of, table_for
from edgesynth.planning.plan.builds import Build, builds_of
from edgesynth.planning.plan.int8_speed import compared, floating_layers, is_faster
from edgesynth.planning.plan.memory import Memory, memory_of

FORMS: tuple[str, ...] = ("fp32", "fp16", "int8")  # of a bundle, that TensorRT takes
GIB = 2.0**30
MAX_BATCH = 1 << 20
_CROWDED = 0.5  # of a board's memory, which the system and TensorRT itself live in too


class CheckedFile(NamedTuple):
    """One ONNX file, checked against the parser and the builder.

    Attributes:
        graph: the file.
        findings: what the parser refuses, and what must be known.
        unbuilt: what the parser reads and the builder refuses.
    """

    graph: OnnxGraph
    findings: tuple[Finding, ...]
    unbuilt: tuple[Finding, ...] = ()

    @property
    def is_parsed(self) -> bool:
        """Whether nothing in it is refused."""
        return not any(finding.fatal for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "file": self.graph.file,
            "opset": self.graph.opset,
            "ir": self.graph.ir,
            "quantized": self.graph.is_quantized(),
            "operators": self.graph.operators(),
            "parsed": self.is_parsed,
            "findings": [
                {"op": finding.op, "nodes": list(finding.nodes), "message": finding.message, "fatal": finding.fatal}
                for finding in self.findings + self.unbuilt
            ],
        }


class Plan(NamedTuple):
    """What a board will do with a model.

    Attributes:
        board: the board.
        parser: the parser of its TensorRT.
        jetpack: the JetPack that brings this TensorRT; "" on a PC.
        files: every file that TensorRT may be given.
        memory: of the file that is built, at `batch`.
        batch: images per inference.
        notes: what must be known of the whole: memory that is short or unknown.
        builds: one for each precision.
        kept: layers that stay in FP32 where FP16 is built: `layer`, `op` and `why` of each.
    """

    board: Board
    parser: Parser
    jetpack: str
    files: tuple[CheckedFile, ...]
    memory: Memory
    batch: int
    notes: tuple[str, ...]
    builds: tuple[Build, ...]
    kept: tuple[dict[str, str], ...] = ()

    @property
    def recommended(self) -> Build | None:
        """The build to choose: INT8 where it is predicted to be the fastest, else FP16 by hardware, else FP32, else
        whatever builds; None if nothing does.
        """
        order = {"fp16": 0, "fp32": 1, "int8": 2}
        possible = [build for build in self.builds if build.will_build]
        fast = [build for build in possible if build.native] or possible
        int8 = next((build for build in fast if build.precision == "int8"), None)
        if int8 is not None and is_faster(int8, [build for build in fast if build is not int8]):
            return int8
        return min(fast, key=lambda build: order[build.precision]) if fast else None

    @property
    def will_run(self) -> bool:
        """Whether any precision will be built."""
        return self.recommended is not None

    @property
    def reason(self) -> str:
        """Why nothing runs; "" if something does."""
        if self.will_run:
            return ""
        # A file that is refused says more than one that is not there; of those, INT8's says what to give instead.
        return next((build.problem for build in self.builds if build.source), self.builds[-1].problem)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        recommended = self.recommended
        return {
            "board": self.board.name,
            "title": self.board.title,
            "sm": self.board.sm_name,
            "tensorrt": dotted(self.parser.version),
            "jetpack": self.jetpack or None,
            "operator_table": self.parser.source,
            "opsets": list(self.parser.opsets),
            "will_run": self.will_run,
            "recommended": recommended.precision if recommended else None,
            "reason": self.reason or None,
            "files": [file.to_json() for file in self.files],
            "memory": dict(
                self.memory._asdict(),
                total_bytes=self.memory.total_bytes,
                board_gb=self.board.memory_gb,
                batch=self.batch,
            ),
            "notes": list(self.notes),
            "builds": [build.to_json() for build in self.builds],
            "kept_in_fp32": list(self.kept),
        }


def read_forms(files: dict[str, str]) -> dict[str, OnnxGraph]:
    """Read the forms of a model that TensorRT takes: "fp32", "fp16" and "int8" (Q/DQ).

    Args:
        files: ONNX file of each form, by the keys of a bundle's manifest; those of other runtimes are left alone. A
            bare file is given as "fp32" and is "int8" if it holds Q/DQ nodes.

    Raises:
        UserError: a file cannot be read, or none is for TensorRT.
    """
    graphs = {form: read_graph(files[form]) for form in FORMS if form in files}
    if not graphs:
        given = ", ".join(files) or "none"
        raise UserError(f"no form of the model is for TensorRT (there is: {given}); export it again")
    if "int8" not in graphs and graphs.get("fp32", next(iter(graphs.values()))).is_quantized():
        graphs["int8"] = graphs.pop("fp32")
    return graphs


def make_plan(
    graphs: dict[str, OnnxGraph],
    board: Board,
    tensorrt: str | None = None,
    ranges: str | None = None,
    batch: int | None = None,
    mode: str | None = None,
    probe: ProbeTable | None = None,
    kept: Sequence[dict[str, str]] = (),
) -> Plan:
    """Say what a board will do with a model.

    Args:
        graphs: from `read_forms`.
        board: the board.
        tensorrt: a version that the board has, as "8.2"; the newest with an operator table by default.
        ranges: the bundle's ranges.json, by which the plain file is quantized; None if there is none.
        batch: images per inference; by default what the files are fixed to, or 1.
        mode: the power mode that latency and energy are predicted for; the fastest by default, or the probe's.
        probe: measured layers, for the prediction at their precision.
        kept: layers that FP16 cannot compute, as the bundle's manifest names them.

    Raises:
        UserError: the board never had that TensorRT or that power mode, or the batch is out of range or not that of
            the files, or the probe is of another board, mode or batch, or of a precision that is not built.
    """
    batch = _batch(graphs, batch)
    power_mode = board.mode(mode or (probe.facts["power_mode"] if probe is not None else None))
    version, jetpack = choose_tensorrt(board, tensorrt)
    parser = parser_of(version)
    checked = {
        form: CheckedFile(graph, tuple(check_graph(graph, parser)), tuple(check_built(graph, version)))
        for form, graph in graphs.items()
    }
    refused = {form: _refusal(file, parser) for form, file in checked.items()}
    memory = memory_of(graphs.get("fp32") or next(iter(graphs.values())), batch)
    short, notes = _memory_notes(memory, board)
    builds = builds_of(graphs, refused, ranges, board, version, kept)
    if short:
        builds = [build.prevented(short) for build in builds]
    if probe is not None:
        notes += _check_probe(probe, builds, board, power_mode, batch, version)
    builds, why_not = _predicted(builds, graphs, board, version, batch, power_mode, probe)
    notes += why_not
    files = tuple(checked.values())
    return Plan(board, parser, jetpack, files, memory, batch, tuple(notes), tuple(builds), tuple(kept))


def _batch(graphs: dict[str, OnnxGraph], given: int | None) -> int:
    """Images per inference."""
    if given is not None and not 1 <= given <= MAX_BATCH:
        raise UserError(f"the batch is {given}; it must be at least 1 and at most {MAX_BATCH}")
    graph = next(iter(graphs.values()))
    fixed = graph.fixed_batch
    if fixed is not None and given not in (None, fixed):
        raise UserError(
            f"the batch of {graph.file} is fixed at {fixed} and {given} was asked for; leave --batch out, or export "
            "it with a free batch"
        )
    return given or fixed or 1


def _check_probe(
    probe: ProbeTable, builds: list[Build], board: Board, mode: PowerMode, batch: int, version: Version
) -> list[str]:
    """Refuse a table that does not fit this plan; else its notes.

    Raises:
        UserError: see `make_plan`.
    """
    possible = [build.precision for build in builds if build.will_build]
    fitting = probe.precision if probe.precision in possible else ", ".join(possible) or "a model that is not built"
    probe.check_for(board, mode, fitting, batch)
    probed = str(probe.facts["engine"].get("version"))
    if probed.split(".")[: len(version)] == [str(number) for number in version]:
        return []
    return [f"the probe measured TensorRT {probed}, and this plan is for {dotted(version)}"]


def _predicted(
    builds: list[Build],
    graphs: dict[str, OnnxGraph],
    board: Board,
    version: Version,
    batch: int,
    mode: PowerMode,
    probe: ProbeTable | None,
) -> tuple[list[Build], list[str]]:
    """The builds with their predicted latency and energy, and what must be known of the predictions."""
    with_figures: list[Build] = []
    notes: list[str] = []
    for build in builds:
        if build.will_build:
            try:
                measured = probe if probe is not None and probe.precision == build.precision else None
                layers = _layers(graphs[build.form])
                floating = floating_layers(graphs[build.form], build, board, version)
                predicted = predict_layers(layers, board, build.precision, batch, mode.name, measured, floating)
                build = build._replace(predicted=predicted)
                notes += predicted.notes
            except UserError as error:
                notes.append(str(error))
        with_figures.append(build)
    return [compared(build, with_figures) for build in with_figures], sorted(set(notes), key=notes.index)


@functools.lru_cache(maxsize=4)
def _layers(graph: OnnxGraph) -> list[Layer]:
    """Read once for all precisions and boards."""
    return layers_of(graph.proto, graph.file)


def plan_for_all(
    graphs: dict[str, OnnxGraph],
    tensorrt: str | None = None,
    ranges: str | None = None,
    batch: int | None = None,
    kept: Sequence[dict[str, str]] = (),
) -> list[Plan]:
    """One plan for each board of the table that has the version; see `make_plan`.

    Raises:
        UserError: no board has it.
    """
    wanted = parse_version(tensorrt) if tensorrt is not None else None
    boards = [board for board in BOARDS if wanted is None or wanted in dict(board.tensorrt)]
    if not boards:
        known = sorted({version for board in BOARDS for version, _ in board.tensorrt})
        raise UserError(
            "no board has TensorRT {}; choose from: {}".format(
                tensorrt, ", ".join(dotted(version) for version in known)
            )
        )
    return [make_plan(graphs, board, tensorrt, ranges, batch, kept=kept) for board in boards]


def choose_tensorrt(board: Board, given: str | None) -> tuple[Version, str]:
    """The version of TensorRT that is planned for, and the JetPack that brings it.

    Without a word from the user it is the newest of the board with an operator table of its own major version.

    Raises:
        UserError: the board has no such version.
    """
    if not board.tensorrt:
        version = parse_version(given) if given is not None else TABLES[-1]
        if table_for(version) is None:
            parser_of(version)  # says which there are
        return version, ""
    wanted = parse_version(given) if given is not None else None
    known = [entry for entry in board.tensorrt if wanted in (None, entry[0])]
    if not known:
        raise UserError(
            "{} has no TensorRT {}; choose from: {}".format(
                board.title,
                given,
                ", ".join(f"{dotted(version)} ({jetpack})" for version, jetpack in board.tensorrt),
            )
        )
    with_table = [entry for entry in known if entry[0][0] < NEWEST[0]]
    return (with_table or known)[-1]


def _refusal(checked: CheckedFile, parser: Parser) -> str | None:
    fatal = [finding for finding in checked.findings if finding.fatal]
    if fatal:
        return f"{parser.name} does not parse {checked.graph.file}: {fatal[0]}"
    if checked.unbuilt:
        return f"{parser.name} parses {checked.graph.file} and does not build it: {checked.unbuilt[0]}"
    return None


def _memory_notes(memory: Memory, board: Board) -> tuple[str | None, list[str]]:
    """Why nothing can be built for want of memory, and what is to be known of it."""
    notes = []
    if memory.unknown is not None:
        notes.append(f"the shape of {memory.unknown} is not known: activations are not counted")
    if board.memory_gb is None:
        return None, [*notes, f"no source gives the memory of {board.title}: it was not checked"]
    need, have = memory.total_bytes / GIB, board.memory_gb
    text = f"it needs {need:.1f} GiB of weights and activations, {board.title} has {have:g} GiB"
    if need > have:
        return text, [*notes, text]
    if need > _CROWDED * have:
        notes.append(text + ", in which the system and TensorRT live too")
    return None, notes
