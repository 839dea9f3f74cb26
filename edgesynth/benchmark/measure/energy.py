"""Images per joule from the meter's windows; what was not measured is null with a reason, never 0."""

import math
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from edgesynth.benchmark import power
from edgesynth.benchmark.measure.student import student
from edgesynth.benchmark.power import Meter, NoPower, Reading, UnreadableError
from edgesynth.benchmark.power.wattmeter import Wattmeter
from edgesynth.benchmark.timing.timing import WINDOW_S, Track, Window
from edgesynth.errors import UserError

# Typical error of a power sensor: a difference of two powers that is a smaller share of them is none.
_SENSOR_ERROR = 0.01
_FIGURES = ("per_image_mj", "images_per_joule", "images_per_joule_95", "mean_power_mw")


class EnergyPlan(NamedTuple):
    """How a run is divided into windows so that its energy can be measured.

    Attributes:
        meter: the meter, or one that says why it cannot be used.
        window_s: length of each window.
        settling_s: untimed seconds for each configuration in all, pauses included.
        idle_s: rest before the run, whose power is measured.
    """

    meter: Meter
    window_s: float
    settling_s: float
    idle_s: float

    @property
    def rest_s(self) -> float:
        """Seconds before the run in which nothing is done."""
        return self.idle_s + self.meter.settle_s if self.idle_s else 0.0


def plan_energy(
    meter: Meter, duration_s: float, idle_s: Optional[float], wattmeter: Optional[Wattmeter] = None
) -> EnergyPlan:
    """Plan a run.

    Args:
        meter: from `power.find`.
        duration_s: timed seconds for each configuration.
        idle_s: rest before the run; None for as long as `duration_s`.
        wattmeter: looks at the same windows; None without one.

    Raises:
        UserError: the run is too short for the wattmeter, which was asked for.
    """
    if wattmeter is not None:
        return _plan_with(wattmeter, plan_energy(meter, duration_s, idle_s), duration_s, idle_s)
    if meter.reason is not None:
        return EnergyPlan(meter, WINDOW_S, 0.0, 0.0)
    try:
        window_s = power.window_for(meter, duration_s, WINDOW_S)
    except UnreadableError as why:
        return EnergyPlan(NoPower(str(why)), WINDOW_S, 0.0, 0.0)
    settling_s = (meter.settle_s + meter.pause_s / 2) * math.ceil(duration_s / window_s)
    return EnergyPlan(meter, window_s, settling_s, duration_s if idle_s is None else idle_s)


def _plan_with(wattmeter: Wattmeter, alone: EnergyPlan, duration_s: float, idle_s: Optional[float]) -> EnergyPlan:
    try:
        window_s = max(alone.window_s, power.window_for(wattmeter, duration_s, WINDOW_S))
    except UnreadableError as why:
        raise UserError("--wattmeter {}: {}".format(wattmeter.path, why)) from None
    untimed_s = max(alone.meter.settle_s, wattmeter.settle_s) + max(alone.meter.pause_s, wattmeter.pause_s) / 2
    settling_s = untimed_s * math.ceil(duration_s / window_s)
    return EnergyPlan(alone.meter, window_s, settling_s, duration_s if idle_s is None else idle_s)


def energy_of(meter: Meter, track: Track, batch: int, idle: Optional[Reading] = None) -> Dict[str, Any]:
    """Energy of a track.

    Args:
        meter: the meter that read the track's windows.
        track: its windows.
        batch: images that go through in one call.
        idle: the meter's window before the run, in which nothing was run; None without one.

    Returns:
        Of the total rails, the headline: `per_image_mj`, `images_per_joule`, `images_per_joule_95` (the 95 % interval,
        from the windows' spread), `mean_power_mw`; the same of the GPU's rail in `gpu` and, with the idle power taken
        away as if it were exact, in `above_idle`, either null where it was not measured (`above_idle_reason`);
        `sensor_error`: how far `mean_power_mw`, and with it all the others, may be off whatever the interval
        (`accuracy.Accuracy.at`), or None; `idle_power_mw`; `rails_mj`, `sensor_values` (how many new ones the sensor
        had) and `misses` over all windows that were read; `seen_period_s`, the sensor's own pace as its values
        changed, None where it is not sampled or they did not; `windows`, raw, all of them; `meter`, `scope` (what is in
        the headline and what is not), `idle_subtracted` (always False: the headline's) and `reason`: why the figures
        are None, or None.
    """
    windows = [window for window in track.windows if window.reading.reason is None]
    total = None
    reason = meter.reason or _reason(meter, track.windows, windows)
    if reason is None:
        try:
            total = _figures(windows, batch, meter.total_rails)
        except UnreadableError as why:
            reason = str(why)
    energy: Dict[str, Any] = dict.fromkeys(_FIGURES)
    energy.update(total or {})
    idle_power_mw, above_idle, above_reason = None, None, reason
    if total is not None:
        idle_power_mw, above_reason = _idle_power_mw(meter, idle)
        if idle_power_mw is not None:
            try:
                above_idle = _figures(windows, batch, meter.total_rails, idle_power_mw)
            except UnreadableError as why:
                above_reason = str(why)
    values = [window.reading.values for window in windows if window.reading.values is not None]
    energy.update(
        gpu=_gpu(meter, windows, batch) if total is not None else None,
        sensor_error=meter.accuracy.at(total["mean_power_mw"]) if total is not None else None,
        idle_power_mw=idle_power_mw,
        above_idle=above_idle,
        above_idle_reason=above_reason,
        rails_mj=_rails_mj(windows) if total is not None else {},
        sensor_values=sum(values) if values else None,
        seen_period_s=_seen_period_s(windows),
        misses=sum(window.reading.misses for window in track.windows),
        windows=[dict(raw_reading(window.reading), images=window.calls * batch) for window in track.windows]
        if meter.reason is None
        else [],
        meter=meter.name,
        scope=meter.scope,
        idle_subtracted=False,
        reason=reason,
    )
    return energy


def energy_by_wattmeter(
    wattmeter: Wattmeter, track: Track, batch: int, idle: Optional[Reading] = None
) -> Dict[str, Any]:
    """Energy of a track by an external wattmeter, whose log is finished.

    Args:
        wattmeter: has the log.
        track: windows, by any meter.
        batch: images that go through in one call.
        idle: the window before the run; None without one.

    Returns:
        As `energy_of`, without what only the board's own sensor has.
    """
    seen = Track()
    seen.windows = [Window(window.calls, wattmeter.reading(window.reading)) for window in track.windows]
    energy = energy_of(wattmeter, seen, batch, None if idle is None else wattmeter.reading(idle))
    kept = _FIGURES + ("idle_power_mw", "above_idle", "above_idle_reason", "meter", "scope", "reason")
    return {key: energy[key] for key in kept}


def raw_reading(reading: Reading) -> Dict[str, Any]:
    """A window as the result keeps it; `samples` are (seconds after `begin_s`, then one value for each rail)."""
    return dict(reading._asdict(), samples=[list(sample) for sample in reading.samples])


def half_width_95(values: Sequence[float], weights: Sequence[float]) -> float:
    """Half of the 95 % interval of a ratio of sums, by the ratio estimator and Student's t.

    Args:
        values: what is summed above, of each window; at least two.
        weights: what is summed below, of each window.

    Returns:
        In the ratio's own unit.
    """
    count = len(values)
    ratio = math.fsum(values) / math.fsum(weights)
    variance = math.fsum((value - ratio * weight) ** 2 for value, weight in zip(values, weights)) / (count - 1)
    return student(count - 1) * math.sqrt(variance / count) / (math.fsum(weights) / count)


def _reason(meter: Meter, windows: Sequence[Window], read: Sequence[Window]) -> Optional[str]:
    if len(read) < power.LEAST_WINDOWS:
        unread = [window.reading for window in windows if window.reading.reason is not None]
        if unread:
            needed_s = max(reading.needed_s or 0.0 for reading in unread) * power.MOST_WINDOWS
            remedy = "use --duration-s {:.0f} or more".format(needed_s + 0.5) if needed_s else "measure again"
            return "{} of {} windows could not be read, the first because: {}; {}".format(
                len(unread), len(windows), unread[0].reason, remedy
            )
        return "{} windows were measured and at least {} are needed; raise --duration-s".format(
            len(read), power.LEAST_WINDOWS
        )
    if sum(_rails_mj(read).get(rail, 0.0) for rail in meter.total_rails) <= 0:
        return "{} ({}) showed no energy during the run; check the sensor".format(
            meter.name, " + ".join(meter.total_rails)
        )
    return None


def _figures(windows: Sequence[Window], batch: int, rails: Sequence[str], idle_mw: float = 0.0) -> Dict[str, Any]:
    images = [float(window.calls * batch) for window in windows]
    gross_mj = [sum(window.reading.rails_mj[rail] for rail in rails) for window in windows]
    energies_mj = [mj - idle_mw * window.reading.duration_s for mj, window in zip(gross_mj, windows)]
    duration_s = math.fsum(window.reading.duration_s for window in windows)
    per_image_mj = math.fsum(energies_mj) / math.fsum(images)
    half_mj = half_width_95(energies_mj, images)
    if per_image_mj <= max(half_mj, _SENSOR_ERROR * math.fsum(gross_mj) / math.fsum(images)):
        raise UnreadableError(
            "{:.2g} mJ per image +- {:.2g} (95 %, {} windows) cannot be told from nothing".format(
                per_image_mj, half_mj, len(windows)
            )
        )
    return {
        "per_image_mj": per_image_mj,
        "images_per_joule": 1e3 / per_image_mj,
        "images_per_joule_95": [1e3 / (per_image_mj + half_mj), 1e3 / (per_image_mj - half_mj)],
        "mean_power_mw": math.fsum(energies_mj) / duration_s,
    }


def _seen_period_s(windows: Sequence[Window]) -> Optional[float]:
    """Median time between two changes of any value."""
    gaps_s = []
    for window in windows:
        samples = window.reading.samples
        changed = [b[0] for a, b in zip(samples, samples[1:]) if a[1:] != b[1:]]
        gaps_s += [b - a for a, b in zip(changed, changed[1:])]
    return sorted(gaps_s)[len(gaps_s) // 2] if gaps_s else None


def _gpu(meter: Meter, windows: Sequence[Window], batch: int) -> Optional[Dict[str, Any]]:
    if meter.gpu_rail is None:
        return None
    try:
        return dict(_figures(windows, batch, [meter.gpu_rail]), rail=meter.gpu_rail)
    except UnreadableError:  # a GPU that is not used is switched off
        return None


def _idle_power_mw(meter: Meter, idle: Optional[Reading]) -> Tuple[Optional[float], Optional[str]]:
    if idle is None:
        return None, "idle power was not asked for (--idle-s 0)"
    if idle.reason is not None:
        return None, "idle power was not measured: {}{}".format(
            idle.reason, "; use --idle-s {:.0f} or more".format(idle.needed_s + 0.5) if idle.needed_s else ""
        )
    return sum(idle.rails_mj[rail] for rail in meter.total_rails) / idle.duration_s, None


def _rails_mj(windows: Sequence[Window]) -> Dict[str, float]:
    sums: Dict[str, List[float]] = {}
    for window in windows:
        for rail, energy_mj in window.reading.rails_mj.items():
            sums.setdefault(rail, []).append(energy_mj)
    return {rail: math.fsum(values) for rail, values in sums.items()}
