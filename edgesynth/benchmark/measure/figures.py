"""The figures of each configuration, put together for the result."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

from edgesynth.benchmark.bundle import processor
from edgesynth.benchmark.bundle.groups import Group
from edgesynth.benchmark.measure.configurations import Configuration
from edgesynth.benchmark.measure.energy import energy_by_wattmeter, energy_of
from edgesynth.benchmark.measure.steadiness import drift_flags
from edgesynth.benchmark.power import Meter, Reading
from edgesynth.benchmark.power.wattmeter import Wattmeter
from edgesynth.benchmark.profile.profile import profile_of
from edgesynth.benchmark.result.flags import flags_of_latency, flags_of_phases, flags_of_waiting, is_invalid
from edgesynth.benchmark.timing.scenarios import Plain
from edgesynth.benchmark.timing.timing import Track, busy_cores, spread

REFERENCE = "fp32"


def measurements_of(
    timed: Sequence[Tuple[Configuration, Track]],
    meter: Meter,
    idle: Optional[Reading],
    common: List[str],
    scenario: Plain,
    groups: Sequence[Group] = (),
    interrupted: bool = False,
    wattmeter: Optional[Wattmeter] = None,
    rebuilds: Sequence[Optional[Dict[str, Any]]] = (),
) -> List[Dict[str, Any]]:
    """The result's entry of each configuration, in their order; see `benchmark.result` for the fields.

    Args:
        timed: each configuration with its track, which has at least one latency.
        meter: read the tracks' windows.
        idle: the meter's window before the run; None without one.
        common: flags of the whole run.
        scenario: whose figures are added to the others.
        groups: cluster groups of the network, for what a profile is told of.
        interrupted: whether the run was stopped by Ctrl-C: nothing more is run.
        wattmeter: an external one, whose log is finished; None without one.
        rebuilds: of each configuration what `measure_rebuilds` gives; empty where nothing was built anew.
    """
    spreads = [spread(track.latencies_ms) for _, track in timed]
    reference_ms = {
        configuration.batch: latency["p50"]
        for (configuration, _), latency in zip(timed, spreads)
        if configuration.precision == REFERENCE
    }
    measurements = []
    for (configuration, track), latency, again in zip(timed, spreads, rebuilds or [None] * len(timed)):
        figures = figures_of(configuration, track, latency)
        energy = energy_of(meter, track, configuration.images, idle)
        if wattmeter is not None:
            energy["wattmeter"] = energy_by_wattmeter(wattmeter, track, configuration.images, idle)
        phases = {} if interrupted else _phases(configuration)
        flags = _flags(configuration, latency) + configuration.engine.flags() + common
        flags += flags_of_phases(phases, configuration.engine.ways)
        cores = busy_cores(track)
        covered = meter.devices if energy["reason"] is None else ()
        if wattmeter is not None and energy["wattmeter"]["reason"] is None:
            covered += wattmeter.devices
        flags += flags_of_waiting(configuration.engine.describe().get("wait"), cores, covered)
        if energy["reason"] is None:
            flags += meter.flags() + drift_flags(track.windows, meter.total_rails)
        figures.update(
            precision=configuration.precision,
            batch=configuration.batch,
            asked_batch=configuration.asked_batch,
            accuracy_percent=configuration.score.accuracy_percent,
            accuracy_reason=configuration.score.reason,
            max_abs_error=configuration.score.max_abs_error,
            scored_samples=configuration.score.samples,
            energy=energy,
            busy_cores=cores,
            speedup_vs_fp32=reference_ms[configuration.batch] / latency["p50"]
            if configuration.batch in reference_ms
            else None,
            built=configuration.engine.built(),
            rebuilds=again,
            compute_ms=phases.get("compute"),
            phases_ms=phases or None,
            scenario=scenario.figures(track, configuration.images),
            valid=not any(map(is_invalid, flags)),
            flags=flags,
            samples_ms=[round(value, 6) for value in track.latencies_ms],
            profile=None if interrupted else profile_of(configuration.engine, configuration.model.path, groups),
        )
        measurements.append(figures)
    return measurements


def figures_of(configuration: Configuration, track: Track, latency: Dict[str, float]) -> Dict[str, Any]:
    """Figures of a configuration, without its energy and its accuracy; `latency` is the spread of the track."""
    return {
        "file": configuration.model.file,
        "dialect": configuration.model.dialect,
        "bytes": configuration.model.size_bytes,
        "latency_ms": latency,
        "throughput_images_per_s": len(track.latencies_ms) * configuration.images / track.duration_s,
    }


def _phases(configuration: Configuration) -> Dict[str, Dict[str, float]]:
    """Spread of each part of a run; empty where the engine has no clock for them."""
    return {name: spread(spans_ms) for name, spans_ms in configuration.engine.phases_ms().items() if spans_ms}


def _flags(configuration: Configuration, latency: Dict[str, float]) -> List[str]:
    flags = flags_of_latency(latency)
    if configuration.asked_batch is not None:
        flags.append(
            "smaller batch: {} were asked for and do not fit the memory; {} is measured".format(
                configuration.asked_batch, configuration.batch
            )
        )
    inexact = processor.why_inexact(configuration.model)
    if inexact is not None:
        flags.append("not exact: {}".format(inexact))
    if not configuration.score.finite:
        flags.append("not finite: the outputs hold nan or infinity; nothing measured on them means anything")
    return flags
