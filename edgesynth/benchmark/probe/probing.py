"""Probe a model: measure its layers at a ladder of widths, each rung written before the next is begun."""

import functools
import tempfile
import time
from typing import Any, Callable, List, NamedTuple, Optional, Set, Tuple

from edgesynth.benchmark import engines
from edgesynth.benchmark.bundle.bundle import Target
from edgesynth.benchmark.probe.ladder import Rung, missing, rungs
from edgesynth.benchmark.probe.layer_file import LayerFile, channels_of, layer_file
from edgesynth.benchmark.probe.model_layers import read_layers
from edgesynth.benchmark.probe.one_layer import Bench, form_of
from edgesynth.benchmark.probe.settings import ProbeSettings, check_settings
from edgesynth.benchmark.probe.tables import new_table, resumed
from edgesynth.benchmark.result.result import check_destination, write_result
from edgesynth.benchmark.timing.timing import Track, percentile
from edgesynth.boards.probed import LayerShape, ProbeTable, Step
from edgesynth.boards.probed.shape import DEPTHWISE
from edgesynth.errors import UserError

# Loaded at once: enough to share one frame's time, few enough for a board's memory.
TOGETHER = 4

Announce = Callable[[str], Any]


class Probed(NamedTuple):
    """What came of a probe.

    Attributes:
        table: all that the file holds now.
        done: widths of this model that were measured, by this probe or one before it.
        wanted: widths of this model in all.
    """

    table: ProbeTable
    done: int
    wanted: int


def probe(
    target: Target,
    output: str,
    engine: Optional[str] = None,
    precision: Optional[str] = None,
    settings: ProbeSettings = ProbeSettings(),  # noqa: B008  (a NamedTuple does not change)
    announce: Announce = lambda line: None,
    root: str = "/",
) -> Probed:
    """Measure the layers of a model at a ladder of widths and write the table.

    Args:
        target: a bundle or a bare ONNX file; its plain form is what is read.
        output: the table; it is resumed if it exists, and holds what another model left in it too.
        engine: its name; None for TensorRT where it can be imported, else ONNX Runtime.
        precision: "fp32", "fp16" or "int8"; None for fp16 where the engine has it, else fp32.
        settings: see there.
        announce: called with a line for every rung.
        root: folder that holds `proc`, `sys`, `etc` and `tmp`, by which the board is told.

    Raises:
        UserError: a setting is out of range, the model has no layer that can be probed, the engine or the precision
            does not exist, the table is of another machine or setting, or the first layer already is refused.
    """
    check_settings(settings)
    check_destination(output)
    if "fp32" not in target.models:
        raise UserError("{} has no plain model; a probe reads layers from one: give a bundle".format(target.path))
    begin = time.perf_counter()
    model = read_layers(target.models["fp32"].path)
    name, why = (engine, "asked for") if engine is not None else engines.default()
    kind = engines.find(name)
    announce("engine: {} ({})".format(name, why))
    form = form_of(kind, precision)
    for line in model.left_out:
        announce("left out: {}".format(line))
    ladder = rungs(model.layers, settings.finest, settings.input_widths)
    wanted = sum(len(rung.widths) for rung in ladder)
    with tempfile.TemporaryDirectory(prefix="edgesynth-probe-") as folder:
        bench = Bench(folder, kind, form, settings)
        table = resumed(output, new_table(bench, target, settings, root))
        measured = _measured(table)
        left = [rung for rung in (missing(rung, measured) for rung in ladder) if rung.widths]
        announce(
            "probing {} at {}: {} widths of {} shapes, {} known; at least {:.0f} s, at most {:.0f} s".format(
                target.name,
                form.precision,
                wanted,
                len({rung.shape for rung in ladder}),
                wanted - sum(len(rung.widths) for rung in left),
                sum(len(rung.widths) + 1 for rung in left) * (settings.each_s + settings.warm_up_s),
                settings.duration_s,
            )
        )
        write_result(output, table.to_json())
        for part in _parts(left):
            if time.perf_counter() - begin > settings.duration_s:
                break
            steps = _measure(bench, part, bool(_measured(table)), announce)
            for step in steps:
                table.staircase(part.shape).add(step)
            if steps:
                write_result(output, table.to_json())
                times = ", ".join("{}: {:.4g} ms".format(step.width, step.ms) for step in steps)
                done, spent_s = len(_measured(table) & _of(ladder)), time.perf_counter() - begin
                announce("[{}/{} widths, {:.0f} s] {}; {}".format(done, wanted, spent_s, part.shape, times))
    return Probed(table, len(_measured(table) & _of(ladder)), wanted)


def _measure(bench: Bench, part: Rung, works: bool, announce: Announce) -> List[Step]:
    """Measure widths of one shape; none if the engine, which is known to work, does not take them."""
    try:
        return measure_steps(bench, part)
    except UserError as error:
        # One layer too large for the memory is no reason to lose the others; an engine that takes none is.
        if not works:
            raise
        announce("left out: {} at {}: {}".format(part.shape, ", ".join(map(str, part.widths)), error))
        return []


def measure_steps(bench: Bench, part: Rung) -> List[Step]:
    """Time widths of one shape, interleaved with their frame, and subtract it.

    Args:
        bench: where.
        part: what.

    Raises:
        UserError: the engine refuses one of them.
    """
    channels = [channels_of(part.shape, width) for width in part.widths]
    frames = sorted(set(channels))
    make = functools.partial(layer_file, part.shape, batch=bench.batch, half=bench.form.half)
    files: List[LayerFile] = [make(width=None, channels=count) for count in frames]
    files += [make(width=width, channels=count) for width, count in zip(part.widths, channels)]
    tracks = bench.time(files)
    steps = []
    for width, count, track in zip(part.widths, channels, tracks[len(frames) :]):
        frame = tracks[frames.index(count)]
        ms = max(_median(track.latencies_ms) - _median(frame.latencies_ms), 0.0)
        steps.append(Step(width, round(ms, 6), round(_wander_ms(track) + _wander_ms(frame), 6)))
    return steps


def _parts(left: List[Rung]) -> List[Rung]:
    """Rungs cut to the number of widths that are loaded at once; each depthwise width has its own frame."""
    parts = []
    for rung in left:
        most = TOGETHER // 2 if rung.shape.op == DEPTHWISE else TOGETHER
        for start in range(0, len(rung.widths), most):
            parts.append(rung._replace(widths=rung.widths[start : start + most]))
    return parts


def _measured(table: ProbeTable) -> Set[Tuple[LayerShape, int]]:
    return {(stairs.shape, step.width) for stairs in table.staircases.values() for step in stairs.steps}


def _of(ladder: List[Rung]) -> Set[Tuple[LayerShape, int]]:
    return {(rung.shape, width) for rung in ladder for width in rung.widths}


def _median(latencies_ms: List[float]) -> float:
    return percentile(sorted(latencies_ms), 50)


def _wander_ms(track: Track) -> float:
    """Half of the distance between the lowest and the highest median of a window, ms."""
    medians, start = [], 0
    for window in track.windows:
        medians.append(_median(track.latencies_ms[start : start + window.calls]))
        start += window.calls
    return (max(medians) - min(medians)) / 2
