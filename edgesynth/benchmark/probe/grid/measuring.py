"""Measure a grid: time what a network needs and the file does not hold yet, and save the file as it grows."""

import os
import tempfile
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Set, Tuple

from edgesynth.benchmark import engines
from edgesynth.benchmark.bundle.bundle import Target
from edgesynth.benchmark.conditions.machine import describe_machine
from edgesynth.benchmark.engines.onnxruntime import OnnxRuntime
from edgesynth.benchmark.engines.tensorrt.engine import TensorRt
from edgesynth.benchmark.probe.grid.cache import open_grid, path_of
from edgesynth.benchmark.probe.grid.parts import Group, Parts, parts_of
from edgesynth.benchmark.probe.grid.settings import GridSettings, check_grid_settings
from edgesynth.benchmark.probe.grid.unit_file import (
    FRAME_COPIES,
    GROUP_COPIES,
    copies_of,
    frame_units,
    group_units,
    layer_units,
    size_behind,
)
from edgesynth.benchmark.probe.grid.units import Units, UnitTimer
from edgesynth.benchmark.probe.grid.widths import places
from edgesynth.benchmark.probe.one_layer import form_of
from edgesynth.benchmark.probe.onnx_graph import Graph, read_graph
from edgesynth.benchmark.result.result import check_destination, write_result
from edgesynth.boards.probed.grid import Grid, Place
from edgesynth.boards.probed.shape import DEPTHWISE, LINEAR
from edgesynth.errors import UserError

TOGETHER = 16  # files loaded at once
SAVE_S = 5.0

Announce = Callable[[str], Any]
Frame = Tuple[Tuple[int, ...], int]  # (H, W) of a tensor, () for features alone, and its channels


class Measured(NamedTuple):
    """Result of a probe.

    Attributes:
        path: file of the grid.
        grid: all that the file holds now.
        new: places that this probe measured.
        wanted: places that this network needs, those known before included.
        left: places that were not measured because time ran out.
        duration_s: time that the probe took.
    """

    path: str
    grid: Grid
    new: int
    wanted: int
    left: int
    duration_s: float


def probe_grid(
    target: Target,
    output: Optional[str] = None,
    engine: Optional[str] = None,
    precision: Optional[str] = None,
    settings: GridSettings = GridSettings(),  # noqa: B008  (a NamedTuple does not change)
    announce: Announce = lambda line: None,
    root: str = "/",
) -> Measured:
    """Measure the layers of a model at several widths of input and output, and the operators beside them.

    Args:
        target: a bundle or a bare ONNX file; its fp32 model is read.
        output: file of the grid, which is added to if it exists; None for this machine's in the user's cache folder.
        engine: name of the engine; None for ONNX Runtime.
        precision: None for fp32.
        settings: how to measure.
        announce: called with a line of progress now and then.
        root: folder that holds `proc`, `sys`, `etc` and `tmp`, from which the machine is described.

    Raises:
        UserError: a setting is out of range, the model has no layer that can be probed, the engine or the precision
            does not exist, the file is no grid or that of another machine, or the engine refuses the layers.
    """
    begin = time.perf_counter()
    check_grid_settings(settings)
    if "fp32" not in target.models:
        raise UserError("{} has no plain model; a probe reads layers from one: give a bundle".format(target.path))
    kind = engines.find(engine if engine is not None else OnnxRuntime.name)
    if issubclass(kind, TensorRt):
        raise UserError(
            "--grid cannot be measured with TensorRT, which joins the copies of a layer; use --engine onnxruntime, or "
            "leave --grid out"
        )
    settings = settings._replace(precision=form_of(kind, precision if precision is not None else "fp32").precision)
    graph = read_graph(target.models["fp32"].path)
    parts = parts_of(graph)
    for line in parts.left_out:
        announce("left out: {}".format(line))
    with tempfile.TemporaryDirectory(prefix="edgesynth-probe-") as folder:
        timer = UnitTimer(folder, kind, settings)
        path = output if output is not None else path_of(timer.engine, settings, root)
        if output is None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        check_destination(path)
        grid = open_grid(path, timer.engine, timer.flags, timer.call_ms, settings, root)
        wanted = places(parts.layers, parts.fixed)
        missing = [place for place in wanted if (place.inputs, place.outputs) not in grid.layers.get(place.shape, {})]
        groups = _missing_groups(parts, grid)
        announce(
            "probing {} with {}: {} places of {} shapes, {} known; {} operators beside".format(
                target.name, kind.name, len(wanted), len({place.shape for place in wanted}),
                len(wanted) - len(missing), len(groups),
            )
        )  # fmt: skip
        if target.name not in grid.facts["models"]:
            grid.facts["models"].append(target.name)
        load = describe_machine(root)["load_1min"]
        if (missing or groups) and load is not None:
            grid.facts["loads"].append(load)
        work = _Measurement(timer, grid, path, settings, begin + settings.duration_s, announce)
        left = work.run(missing, groups, graph, parts)
        spent_s = time.perf_counter() - begin
        grid.facts["duration_s"] = round(grid.facts["duration_s"] + spent_s, 1)
        write_result(path, grid.to_json())
    return Measured(path, grid, len(missing) - left, len(wanted), left, spent_s)


def _missing_groups(parts: Parts, grid: Grid) -> List[Group]:
    """The first group of each kind and number of elements that the grid does not hold."""
    missing: Dict[Tuple[str, int], Group] = {}
    for group in parts.groups:
        op, elements = group.beside
        if elements not in grid.beside.get(op, {}):
            missing.setdefault((op, elements), group)
    return list(missing.values())


class _Measurement:
    """Measures a grid in several passes, and saves it as it grows.

    Args:
        timer: times files of units.
        grid: is added to.
        path: file of the grid.
        settings: of the probe.
        until: no measurement begins after this time of `time.perf_counter`.
        announce: called with a line of progress now and then.
    """

    def __init__(
        self, timer: UnitTimer, grid: Grid, path: str, settings: GridSettings, until: float, announce: Announce
    ) -> None:
        self._timer = timer
        self._grid = grid
        self._path = path
        self._settings = settings
        self._until = until
        self._announce = announce
        self._units: Dict[Any, float] = {}  # the shortest time of a unit
        self._saved = time.perf_counter()

    def run(self, missing: List[Place], groups: List[Group], graph: Graph, parts: Parts) -> int:
        """Measure; return the number of places that were left because time ran out."""
        batch = self._settings.batch
        begun: Set[Place] = set()
        for number in range(self._settings.passes):
            self._groups(groups, graph, parts)
            for start in range(0, len(missing), TOGETHER):
                if time.perf_counter() > self._until:
                    break
                chunk = missing[start : start + TOGETHER]
                self._frames({frame for place in chunk for frame in frames_of(place)}, number)
                copies = [copies_of(place) for place in chunk]
                units = [Units(layer_units(place, count, batch), count) for place, count in zip(chunk, copies)]
                self._time(chunk, units)
                begun.update(chunk)
                self._take(chunk)
                self._save("pass {}: {} of {} places".format(number + 1, start + len(chunk), len(missing)))
        return len(missing) - len(begun)

    def _groups(self, groups: List[Group], graph: Graph, parts: Parts) -> None:
        """Time each group with the groups above it, and the groups above it alone."""
        made: Dict[Tuple[int, bool], Units] = {}
        for number, group in enumerate(groups):
            whole = group_units(group.above + (group,), graph, parts.constants, GROUP_COPIES, self._settings.batch)
            if whole is None:
                self._announce("left out: {}: its inputs cannot be made of one image".format(group.beside.op))
                continue
            made[number, True] = Units(whole, GROUP_COPIES)
            if group.above:
                base = group_units(group.above, graph, parts.constants, GROUP_COPIES, self._settings.batch)
                if base is not None:
                    made[number, False] = Units(base, GROUP_COPIES)
        if not made or time.perf_counter() > self._until:
            return
        self._frames({frame for number, _ in made for frame in _frames_of_group(groups[number])}, None)
        for start in range(0, len(made), TOGETHER):
            chunk = list(made)[start : start + TOGETHER]
            self._time([("group",) + key for key in chunk], [made[key] for key in chunk])
        for number, group in enumerate(groups):
            needed = [("group", number, True)] + ([("group", number, False)] if group.above else [])
            if all(key in self._units for key in needed):
                ms = self._units["group", number, True] - self._around(group)
                ms -= self._units["group", number, False] if group.above else 0.0
                self._grid.beside.setdefault(group.beside.op, {})[group.beside.elements] = round(max(ms, 0.0), 6)

    def _around(self, group: Group) -> float:
        """Time of the rest of a group's unit: of what makes its inputs and reads its outputs, ms."""
        spent = 0.0
        for group_input in group.inputs:
            if group_input.source:
                continue
            if len(group_input.size) < 3:
                spent += self._units["frame", ((), group_input.size[1]), 0]
            else:
                made, read = self._frame((group_input.size[2:], group_input.size[1]))
                spent += made + (0.0 if group_input.alone else read)
        for _, size in group.outputs:
            if len(size) > 2:
                spent += self._frame((size[2:], size[1]))[1]
        return spent

    def _frames(self, frames: Set[Frame], number: Optional[int]) -> None:
        """Time the frames that were not timed yet under a number: that of a pass, or None for the frames of groups."""
        keys = [
            ("frame", frame, readers)
            for frame in sorted(frames)
            for readers in ((1, 2) if frame[0] else (0,))
            if ("frame", frame, readers, number) not in self._units
        ]
        for start in range(0, len(keys), TOGETHER):
            chunk = keys[start : start + TOGETHER]
            files = [
                frame_units(*frame, readers=readers, copies=FRAME_COPIES, batch=self._settings.batch)
                for _, frame, readers in chunk
            ]
            self._time(chunk, [Units(file, FRAME_COPIES) for file in files])
            self._units.update({key + (number,): 0.0 for key in chunk})

    def _frame(self, frame: Frame) -> Tuple[float, float]:
        """Time of making a tensor, and of reading one place of it, ms."""
        one_reader_ms, two_readers_ms = self._units["frame", frame, 1], self._units["frame", frame, 2]
        return 2 * one_reader_ms - two_readers_ms, two_readers_ms - one_reader_ms

    def _time(self, keys: List[Any], units: List[Units]) -> None:
        times, problems = self._timer.time(units)
        for problem in problems:
            self._announce("left out: {}".format(problem))
        for key, ms in zip(keys, times):
            if ms is not None:
                self._units[key] = min(ms, self._units.get(key, ms))

    def _take(self, chunk: List[Place]) -> None:
        """Enter the times of places into the grid."""
        for place in chunk:
            frames = frames_of(place)
            refused = [frame for frame in frames if ("frame", frame, 2 if frame[0] else 0) not in self._units]
            if place not in self._units or refused:
                continue
            ms = self._units[place]
            if place.shape.op == LINEAR:
                ms -= self._units["frame", ((), place.inputs), 0]
            else:
                before, behind = frames
                ms -= self._frame(before)[0] + self._frame(behind)[1]
            points = self._grid.layers.setdefault(place.shape, {})
            points[place.inputs, place.outputs] = round(max(ms, 0.0), 6)

    def _save(self, line: str) -> None:
        if time.perf_counter() - self._saved > SAVE_S:
            write_result(self._path, self._grid.to_json())
            self._announce(line)
            self._saved = time.perf_counter()


def frames_of(place: Place) -> List[Frame]:
    """The tensor that a layer reads and the one that it writes; for a linear layer, only the one that it reads."""
    if place.shape.op == LINEAR:
        return [((), place.inputs)]
    read = place.outputs if place.shape.op == DEPTHWISE else place.inputs
    return [(place.shape.size, read), (size_behind(place.shape), place.outputs)]


def _frames_of_group(group: Group) -> List[Frame]:
    sizes = [group_input.size for group_input in group.inputs if not group_input.source]
    sizes += [size for _, size in group.outputs if len(size) > 2]
    return [(size[2:], size[1]) for size in sizes]
