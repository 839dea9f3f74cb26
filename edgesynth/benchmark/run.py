"""Measure: load every configuration, score it, time all of them by turns, and put the figures together."""

import functools
import math
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Type

from edgesynth.benchmark import engines, power, result
from edgesynth.benchmark.bundle import AS_IS, Model, Target, open_bare_model
from edgesynth.benchmark.energy import energy_of, plan_energy, raw_reading
from edgesynth.benchmark.engines.engine import Engine
from edgesynth.benchmark.engines.onnxruntime import OnnxRuntime
from edgesynth.benchmark.flags import flags_of_latency, flags_of_machine
from edgesynth.benchmark.machine import describe_machine
from edgesynth.benchmark.power import Meter, NoPower, Reading
from edgesynth.benchmark.samples import Score
from edgesynth.benchmark.timing import Track, spread, time_in_turn
from edgesynth.errors import UserError

MAX_BATCH = 4096
MAX_THREADS = 256
REFERENCE = "fp32"


class Settings(NamedTuple):
    """How to measure.

    Attributes:
        batches: images per inference, each 1 to 4096.
        duration_s: timed seconds for each precision and batch, above 0.
        warm_up_s: untimed seconds before, for each, 0 or more.
        threads: threads of the engine, 1 to 256.
        idle_s: seconds of rest in which the idle power is measured, 0 or more (0: it is not); None for `duration_s`.
    """

    batches: Tuple[int, ...] = (1,)
    duration_s: float = 3.0
    warm_up_s: float = 0.5
    threads: int = 1
    idle_s: Optional[float] = None


class Contender(NamedTuple):
    """One precision at one batch, loaded.

    Attributes:
        precision: its name in the result.
        batch: images per inference.
        model: the file that serves it.
        engine: holds the file.
        run: one inference without arguments, on a fixed batch.
        score: what its answers are worth.
    """

    precision: str
    batch: int
    model: Model
    engine: Engine
    run: Callable[[], Any]
    score: Score


def measure(
    target: Target,
    engine: Optional[str] = None,
    precisions: Optional[Sequence[str]] = None,
    settings: Settings = Settings(),  # noqa: B008  (a NamedTuple does not change)
    meter: Optional[Meter] = None,
    announce: Callable[[str], Any] = lambda line: None,
) -> Dict[str, Any]:
    """Measure a bundle or a bare ONNX file on this machine.

    All configurations are timed by turns in one run, so that their ratios hold on a machine that is not quiet.

    Args:
        target: from `bundle.open_target`.
        engine: name of the engine; None for TensorRT where it can be imported, else ONNX Runtime.
        precisions: names; None for all that the target has and the engine can run.
        settings: batches, durations, threads.
        meter: power meter; None for the first one that can be read here.
        announce: called with a line that names the engine where none was asked for, and with one when everything is
            loaded and the timing begins.

    Returns:
        The result, as `result.write_result` writes it.

    Raises:
        UserError: a setting is out of range, the engine or a precision does not exist, a model cannot be loaded.
    """
    check_settings(settings)
    name, why = (engine, "asked for") if engine is not None else engines.default()
    kind = engines.find(name)
    meter = power.find(device=kind.device) if meter is None else meter
    machine = describe_machine()
    models = choose_models(target, kind, precisions)
    contenders = [
        load(target, kind, precision, model, batch, settings.threads)
        for precision, model in models
        for batch in settings.batches
    ]
    plan = plan_energy(meter, settings.duration_s, settings.idle_s)
    seconds = plan.rest_s + len(contenders) * (settings.duration_s + settings.warm_up_s + plan.settling_s)
    listed = ", ".join("{} x{}".format(one.precision, one.batch) for one in contenders)
    if engine is None:
        announce("engine: {} ({})".format(name, why))
    announce("measuring {} ({}): about {:.0f} s".format(target.name, listed, max(seconds, 1)))
    with power.opened(plan.meter, settings.threads) as meter:
        idle = power.rest(meter, plan.idle_s) if plan.idle_s and meter.reason is None else None
        calls = [one.run for one in contenders]
        tracks = time_in_turn(calls, settings.duration_s, settings.warm_up_s, meter, plan.window_s)
        sensor = meter.describe()
    common = flags_of_machine(machine, settings.threads)
    return {
        "schema": result.SCHEMA,
        "kind": result.KIND,
        "individual": target.individual,
        "metric": target.samples.metric,
        "bundle": target.name,
        "created_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine,
        "engine": contenders[0].engine.describe(),
        "settings": dict(
            settings._asdict(),
            batches=list(settings.batches),
            precisions=[one for one, _ in models],
            idle_s=plan.idle_s,
        ),
        "power": dict(sensor, meter=meter.name, idle=raw_reading(idle) if idle else None),
        "measurements": _measurements(contenders, tracks, meter, idle, common),
    }


def measure_model(
    path: str,
    input_shape: Optional[Sequence[int]] = None,
    batch: int = 1,
    duration_s: float = 0.3,
    threads: int = 1,
    warm_up_s: float = 0.1,
) -> Dict[str, Any]:
    """Quick latency of one ONNX file with ONNX Runtime on the CPU, on noise.

    Args:
        path: the file.
        input_shape: (C, H, W) that the file must have; None for whatever it has.
        batch: images per inference.
        duration_s: timed seconds.
        threads: threads of the engine.
        warm_up_s: untimed seconds before.

    Returns:
        `latency_ms` (see `timing.spread`), `throughput_images_per_s`, `bytes`, `batch`, `flags`.

    Raises:
        UserError: a setting is out of range, or the file is not an ONNX model of that shape.
    """
    compared = compare_models({"model": path}, input_shape, batch, duration_s, threads, warm_up_s)
    figures = compared["models"]["model"]
    del figures["speedup"]
    return figures


def compare_models(
    paths: Dict[str, str],
    input_shape: Optional[Sequence[int]] = None,
    batch: int = 1,
    duration_s: float = 1.0,
    threads: int = 1,
    warm_up_s: float = 0.1,
) -> Dict[str, Any]:
    """Latencies of several ONNX files, timed by turns in one run.

    Args:
        paths: file of each name, at least one; the first is the reference.
        input_shape: (C, H, W) that each file must have; None for whatever it has.
        batch: images per inference.
        duration_s: timed seconds for each.
        threads: threads of the engine.
        warm_up_s: untimed seconds for each before.

    Returns:
        `reference` (its name), `engine`, and `models`: of each name the figures of `measure_model` and `speedup`, the
        reference's median latency over its own (above 1: faster).

    Raises:
        UserError: a setting is out of range, or a file is not an ONNX model of that shape.
    """
    if not paths:
        raise UserError("there is no model to compare; give at least one ONNX file")
    settings = Settings((batch,), duration_s, warm_up_s, threads)
    check_settings(settings)
    contenders = []
    for path in paths.values():
        target = open_bare_model(path)
        if input_shape is not None:
            target = target._replace(input_shape=tuple(input_shape))
        ((precision, model),) = target.models.items()
        contenders.append(load(target, OnnxRuntime, precision, model, batch, threads))
    tracks = time_in_turn([one.run for one in contenders], duration_s, warm_up_s, NoPower("not asked for"))
    spreads = [spread(track.latencies_ms) for track in tracks]
    models = {}
    for name, one, track, latency in zip(paths, contenders, tracks, spreads):
        models[name] = dict(_figures(one, track, latency), batch=batch, speedup=spreads[0]["p50"] / latency["p50"])
        models[name]["flags"] = flags_of_latency(latency)
    return {"reference": next(iter(paths)), "engine": contenders[0].engine.describe(), "models": models}


def check_settings(settings: Settings) -> None:
    """Refuse settings that cannot be measured.

    Args:
        settings: what was asked for.

    Raises:
        UserError: a value is out of range; the message names it.
    """
    if not settings.batches:
        raise UserError("no batch was given; it must be 1 to {}, e.g. --batch 1".format(MAX_BATCH))
    for batch in settings.batches:
        if not 1 <= batch <= MAX_BATCH:
            raise UserError("the batch is {}; it must be 1 to {}, e.g. --batch 1,8".format(batch, MAX_BATCH))
    if not (math.isfinite(settings.duration_s) and settings.duration_s > 0):
        raise UserError("--duration-s is {}; it must be above 0 (3 is the default)".format(settings.duration_s))
    if not (math.isfinite(settings.warm_up_s) and settings.warm_up_s >= 0):
        raise UserError("--warm-up-s is {}; it must be 0 or more (0.5 is the default)".format(settings.warm_up_s))
    if settings.idle_s is not None and not (math.isfinite(settings.idle_s) and settings.idle_s >= 0):
        raise UserError("--idle-s is {}; it must be 0 or more (0: idle power is not measured)".format(settings.idle_s))
    if not 1 <= settings.threads <= MAX_THREADS:
        raise UserError("--threads is {}; it must be 1 to {} (1 is the default)".format(settings.threads, MAX_THREADS))


def choose_models(target: Target, kind: Type[Engine], precisions: Optional[Sequence[str]]) -> List[Tuple[str, Model]]:
    """The model that serves each precision on an engine.

    Args:
        target: what is measured.
        kind: the engine.
        precisions: names; None for all that can be had.

    Returns:
        Pairs of precision and model, in the order asked for.

    Raises:
        UserError: a precision is unknown, or the target has no model for it.
    """
    candidates = kind.candidates()
    if not target.is_bundle:
        return _as_it_is(target, candidates, precisions)
    offered = {}
    for name, keys in candidates.items():
        models = [model for model in map(target.model, keys) if model is not None]
        if models:
            offered[name] = models[0]
    if precisions is None and not offered:
        raise UserError(
            "{} has no model for {} (it has: {}); export it again".format(
                target.path, kind.name, ", ".join(sorted(target.models)) or "none"
            )
        )
    for name in precisions or ():
        if name not in candidates:
            raise UserError(
                "there is no precision {!r} on {}; choose from: {}".format(name, kind.name, ", ".join(candidates))
            )
        if name not in offered:
            raise UserError(
                "{} has no model {} for --precision {} on {}; make one with: edgesynth export ...{}".format(
                    target.path, " or ".join(candidates[name]), name, kind.name, " --int8" if name == "int8" else ""
                )
            )
    return [(name, offered[name]) for name in (offered if precisions is None else precisions)]


def load(target: Target, kind: Type[Engine], precision: str, model: Model, batch: int, threads: int) -> Contender:
    """Load one configuration and score it.

    Args:
        target: where the model and the samples come from.
        kind: the engine.
        precision: name of the precision.
        model: the file.
        batch: images per inference.
        threads: threads of the engine.

    Returns:
        The configuration, ready to be timed.

    Raises:
        UserError: the engine refuses the model, or its input is not what the target promises.
    """
    engine = kind()
    engine.load(model.path, precision, batch, threads, model.ranges)
    if target.input_shape is not None and engine.input_shape != target.input_shape:
        raise UserError(
            "{} takes images of {} and {} was expected; {}".format(
                model.path,
                list(engine.input_shape),
                list(target.input_shape),
                "export the bundle again" if target.is_bundle else "give the model's own shape (C, H, W)",
            )
        )
    images = target.samples.batch_of(batch, engine.input_shape)
    return Contender(
        precision, batch, model, engine, functools.partial(engine.run, images), target.samples.score(engine.run, batch)
    )


def _as_it_is(
    target: Target, candidates: Dict[str, Tuple[str, ...]], precisions: Optional[Sequence[str]]
) -> List[Tuple[str, Model]]:
    """A bare file has the precision that is written in it, and those that the engine makes of such a file."""
    chosen = []
    for name in target.models if precisions is None else precisions:
        models = [model for model in map(target.model, (name,) + candidates.get(name, ())) if model is not None]
        if not models:
            raise UserError(
                "{} is a bare ONNX file, measured {} and not at {!r}; leave --precision out or give a bundle".format(
                    target.path, AS_IS if AS_IS in target.models else "at fp32", name
                )
            )
        chosen.append((name, models[0]))
    return chosen


def _measurements(
    contenders: List[Contender], tracks: List[Track], meter: Meter, idle: Optional[Reading], common: List[str]
) -> List[Dict[str, Any]]:
    spreads = [spread(track.latencies_ms) for track in tracks]
    reference_ms = {one.batch: found["p50"] for one, found in zip(contenders, spreads) if one.precision == REFERENCE}
    measurements = []
    for one, track, found in zip(contenders, tracks, spreads):
        figures = _figures(one, track, found)
        figures.update(
            precision=one.precision,
            batch=one.batch,
            accuracy_percent=one.score.accuracy_percent,
            accuracy_reason=one.score.reason,
            max_abs_error=one.score.max_abs_error,
            scored_samples=one.score.samples,
            energy=energy_of(meter, track, one.batch, idle),
            speedup_vs_fp32=reference_ms[one.batch] / found["p50"] if one.batch in reference_ms else None,
            built=one.engine.built(),
            compute_ms=_compute_ms(one.engine),
            flags=_flags(one, found) + one.engine.flags() + common,
            samples_ms=[round(value, 6) for value in track.latencies_ms],
        )
        measurements.append(figures)
    return measurements


def _figures(one: Contender, track: Track, found: Dict[str, float]) -> Dict[str, Any]:
    return {
        "file": one.model.file,
        "dialect": one.model.dialect,
        "bytes": one.model.size_bytes,
        "latency_ms": found,
        "throughput_images_per_s": len(track.latencies_ms) * one.batch / track.duration_s,
    }


def _compute_ms(engine: Engine) -> Optional[Dict[str, float]]:
    """Spread of the latencies by the device's own clock; None where it has none."""
    latencies_ms = engine.compute_latencies_ms()
    return spread(latencies_ms) if latencies_ms else None


def _flags(one: Contender, found: Dict[str, float]) -> List[str]:
    flags = flags_of_latency(found)
    if not one.score.finite:
        flags.append("not finite: the outputs hold nan or infinity; nothing measured on them means anything")
    return flags
