"""Measure: load every configuration, score it, time all of them interleaved, and put the figures together."""

import os
import time
from typing import Any, Callable, Dict, List, Optional, Sequence

from edgesynth.benchmark import engines, power
from edgesynth.benchmark.bundle.bundle import Target
from edgesynth.benchmark.conditions import Conditions, watch
from edgesynth.benchmark.conditions.machine import describe_machine
from edgesynth.benchmark.measure.configurations import choose_models, load_all
from edgesynth.benchmark.measure.energy import plan_energy, raw_reading
from edgesynth.benchmark.measure.figures import measurements_of
from edgesynth.benchmark.measure.lock import alone_on_this_machine
from edgesynth.benchmark.measure.rebuilds import check_rebuilds, measure_rebuilds
from edgesynth.benchmark.measure.settings import Settings, check_settings
from edgesynth.benchmark.measure.steadiness import LEAST, hottest_zone_c, slice_of, warm_up_until_steady
from edgesynth.benchmark.power import Meter
from edgesynth.benchmark.power.wattmeter import Wattmeter
from edgesynth.benchmark.result import result
from edgesynth.benchmark.result.flags import flags_of_machine
from edgesynth.benchmark.timing import scenarios
from edgesynth.benchmark.timing.timing import StoppedError, time_interleaved


class InterruptedRunError(KeyboardInterrupt):
    """Ctrl-C during a run.

    Attributes:
        result: what was measured until then, flagged `interrupted`.
    """

    def __init__(self, result: Dict[str, Any]) -> None:
        super().__init__()
        self.result = result


def measure(
    target: Target,
    engine: Optional[str] = None,
    precisions: Optional[Sequence[str]] = None,
    settings: Settings = Settings(),  # noqa: B008  (a NamedTuple does not change)
    meter: Optional[Meter] = None,
    conditions: Optional[Conditions] = None,
    announce: Callable[[str], Any] = lambda line: None,
) -> Dict[str, Any]:
    """Measure a bundle or a bare ONNX file on this machine.

    All configurations are timed interleaved in one run, so that their ratios hold on a machine that is not quiet.

    Args:
        target: from `bundle.open_target`.
        engine: name of the engine; None for TensorRT where it can be imported, else ONNX Runtime.
        precisions: names; None for all that the target has and the engine can run.
        settings: batches, durations, threads.
        meter: power meter; None for the first one that can be read here.
        conditions: what is watched during the run; None for all that can be seen here.
        announce: called with a line that names the engine where none was asked for, and with one when everything is
            loaded and the timing begins.

    Returns:
        The result, as `result.write_result` writes it.

    Raises:
        UserError: a setting is out of range, the engine or a precision does not exist, a model cannot be loaded, or
            another process measures on this machine.
        InterruptedRunError: Ctrl-C during the timing, with what was measured.
    """
    check_settings(settings)
    with alone_on_this_machine():
        return _measure(target, engine, precisions, settings, meter, conditions, announce)


def _measure(
    target: Target,
    engine: Optional[str],
    precisions: Optional[Sequence[str]],
    settings: Settings,
    meter: Optional[Meter],
    conditions: Optional[Conditions],
    announce: Callable[[str], Any],
) -> Dict[str, Any]:
    wattmeter = Wattmeter(settings.wattmeter) if settings.wattmeter is not None else None
    name, why = (engine, "asked for") if engine is not None else engines.default()
    kind = engines.find(name)
    meter = power.find(device=kind.device) if meter is None else meter
    machine = describe_machine()
    # Before the engine is: its own work on the GPU is not another process's.
    conditions = watch(kind.device) if conditions is None else conditions
    scenario = scenarios.find(settings.scenario)
    settings = settings._replace(batches=scenario.batches(settings.batches))
    kind.check_ways(settings.ways)
    kind.choose_wait(settings.wait)
    check_rebuilds(kind, settings.rebuilds)
    models = choose_models(target, kind, precisions, settings.calibrate)
    configurations, left_out = load_all(
        target, kind, models, settings.batches, settings.threads, announce, settings.ways
    )
    plan = plan_energy(meter, settings.duration_s, settings.idle_s, wattmeter)
    timed_s = len(configurations) * settings.duration_s
    seconds = plan.rest_s + timed_s + len(configurations) * (settings.warm_up_s + plan.settling_s)
    if plan.meter.reason is None:
        seconds += min(
            settings.steady_s, LEAST * len(configurations) * slice_of(plan.meter, len(configurations), timed_s)
        )
    listed = ", ".join(
        "{} x{}".format(configuration.precision, configuration.batch) for configuration in configurations
    )
    if engine is None:
        announce("engine: {} ({})".format(name, why))
    announce("measuring {} ({}): about {:.0f} s".format(target.name, listed, max(seconds, 1)))
    interrupted = False
    with power.opened(plan.meter, settings.threads) as meter:
        if wattmeter is not None:
            wattmeter.slow_down(meter)
        watched = meter.reason is None or wattmeter is not None
        idle = power.rest(meter, plan.idle_s) if plan.idle_s and watched else None
        calls = [configuration.run for configuration in configurations]
        warm_up = warm_up_until_steady(calls, meter, timed_s, settings.steady_s, hottest_zone_c)
        try:
            tracks = time_interleaved(
                calls, settings.duration_s, settings.warm_up_s, meter, plan.window_s, look=conditions.look
            )
        except StoppedError as stop:
            tracks, interrupted = stop.tracks, True
        rebuilds: List[Dict[str, Any]] = []
        if settings.rebuilds and not interrupted:
            announce(
                "building each model {} times more: about {:.0f} s and the builds".format(
                    settings.rebuilds, max(seconds * (settings.rebuilds + 1), 1)
                )
            )
            try:
                for configuration in configurations:
                    rebuilds.append(
                        measure_rebuilds(configuration, target, kind, settings, meter, plan.window_s, conditions.look)
                    )
            except KeyboardInterrupt:
                rebuilds, interrupted = [], True
        sensor = meter.describe()
    if wattmeter is not None:
        wattmeter.finish(0.0 if interrupted else time.monotonic())
    common = flags_of_machine(machine, settings.threads) + conditions.flags() + warm_up.flags()
    timed = [(configuration, track) for configuration, track in zip(configurations, tracks) if track.latencies_ms]
    if interrupted:
        common.append("interrupted: stopped by Ctrl-C before its time was over; measure again")
    if not timed:
        raise KeyboardInterrupt
    measured = {
        "schema": result.SCHEMA,
        "kind": result.KIND,
        "individual": target.individual,
        "metric": target.samples.metric,
        "bundle": target.name,
        "created_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine,
        "engine": configurations[0].engine.describe(),
        "settings": dict(
            settings._asdict(),
            batches=list(settings.batches),
            precisions=[precision for precision, _ in models],
            idle_s=plan.idle_s,
            wattmeter=os.path.basename(settings.wattmeter) if settings.wattmeter is not None else None,
            ways=settings.ways._asdict(),
        ),
        "power": dict(sensor, meter=meter.name, idle=raw_reading(idle) if idle else None),
        "warm_up": warm_up._asdict(),
        "conditions": conditions.describe(),
        "interrupted": interrupted,
        "left_out": left_out,
        "measurements": measurements_of(
            timed, meter, idle, common, scenario, target.groups, interrupted, wattmeter, rebuilds
        ),
    }
    for configuration in configurations:
        configuration.engine.close()
    if interrupted:
        raise InterruptedRunError(measured)
    return measured
