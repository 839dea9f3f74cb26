"""Warm-up for as long as it takes: until power and temperature no longer change, or a limit is reached.

A cold board draws less: leakage grows with temperature. What is measured while it warms up is the energy of no state,
and of two models the later one looks worse. All calls are run by turns, as they will be when they are measured.
"""

import math
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from edgesynth.benchmark.conditions.thermal_zones import hottest_of, thermal_zones
from edgesynth.benchmark.measure.trend import LEAST, trend_of
from edgesynth.benchmark.power import Meter
from edgesynth.benchmark.timing.timing import Window

# What must not change over the looks of one span, which is as long as the run but not longer than this.
SPAN_S = 30.0
POWER_SHARE = 0.01
DEGREES_C = 1.0
# Of the timed windows: the interval of a figure whose power drifts further is not that of one state.
DRIFT_SHARE = 0.02


class WarmUp(NamedTuple):
    """How the machine warmed up.

    Attributes:
        steady: whether it became so; None where that was not looked for.
        duration_s: what it took.
        rounds: of each round of all calls its `power_mw` and the `hottest_c` at its end (None: cannot be read).
        reason: why it was not looked for, or what still changed; None if it became steady.
    """

    steady: Optional[bool]
    duration_s: float
    rounds: List[Dict[str, Optional[float]]]
    reason: Optional[str]

    def flags(self) -> List[str]:
        """A flag if it did not become steady."""
        if self.steady is not False:
            return []
        return ["not steady: after {:.0f} s of warm-up {}; raise --steady-s".format(self.duration_s, self.reason)]


def span_of(timed_s: float) -> float:
    """Seconds over which nothing may change, for a run of so many timed seconds."""
    return min(SPAN_S, timed_s)


def slice_of(meter: Meter, calls: int, timed_s: float) -> float:
    """Seconds of one call in one round."""
    return max(meter.least_window_s, span_of(timed_s) / LEAST / calls)


def warm_up_until_steady(
    calls: Sequence[Callable[[], Any]],
    meter: Meter,
    timed_s: float,
    most_s: float,
    hottest_c: Callable[[], Optional[float]],
    clock: Callable[[], float] = time.monotonic,
) -> WarmUp:
    """Run all calls by turns until the machine is steady.

    Args:
        calls: what will be measured.
        meter: ready for windows.
        timed_s: of all calls together.
        most_s: no round begins after so many seconds; 0: nothing is run.
        hottest_c: temperature of the hottest zone, or None.
        clock: monotonic, in s.
    """
    if meter.reason is not None:
        return WarmUp(None, 0.0, [], "power is not measured: {}".format(meter.reason))
    if most_s == 0:
        return WarmUp(None, 0.0, [], "not asked for (--steady-s 0)")
    slice_s, begin_s = slice_of(meter, len(calls), timed_s), clock()
    looked = max(LEAST, math.ceil(span_of(timed_s) / (slice_s * len(calls)) - 1e-9))
    rounds: List[Dict[str, Optional[float]]] = []
    changing: Optional[str] = None
    while clock() - begin_s < most_s:
        power_mw = _round(calls, meter, slice_s, clock)
        if power_mw is None:
            return WarmUp(None, clock() - begin_s, rounds, "{} could not be read".format(meter.name))
        rounds.append({"power_mw": power_mw, "hottest_c": hottest_c()})
        if len(rounds) >= looked:
            changing = _changing(rounds[-looked:])
            if changing is None:
                return WarmUp(True, clock() - begin_s, rounds, None)
    if changing is None:
        changing = "there was no time for the {} rounds of {:.1f} s that it takes to tell".format(
            looked, slice_s * len(calls)
        )
    return WarmUp(False, clock() - begin_s, rounds, changing)


def drift_flags(windows: Sequence[Window], rails: Sequence[str]) -> List[str]:
    """A flag if the power of a configuration changed from window to window.

    Args:
        windows: of its track.
        rails: whose sum is judged.
    """
    read = [window.reading for window in windows if window.reading.reason is None and window.reading.duration_s > 0]
    powers_mw = [sum(reading.rails_mj[rail] for rail in rails) / reading.duration_s for reading in read]
    if len(powers_mw) < LEAST or sum(powers_mw) <= 0:
        return []
    trend = trend_of(powers_mw, 99)
    if not trend.beyond(DRIFT_SHARE):
        return []
    return [
        "drifting: the power changed by {:+.1f} % during the run; raise --steady-s, or let the machine cool "
        "down".format(100 * trend.change)
    ]


def hottest_zone_c(sysfs: str = "/sys") -> Optional[float]:
    """Temperature of the hottest thermal zone, degrees Celsius; None where none can be read.

    Args:
        sysfs: root of the sysfs tree.
    """
    return hottest_of(thermal_zones(sysfs))


def _round(
    calls: Sequence[Callable[[], Any]], meter: Meter, slice_s: float, clock: Callable[[], float]
) -> Optional[float]:
    """Mean power of all calls, mW; None where a window has none."""
    energy_mj = duration_s = 0.0
    for call in calls:
        meter.start()
        end_s = clock() + slice_s
        while clock() < end_s:
            call()
        reading = meter.stop()
        if reading.reason is not None:
            return None
        energy_mj += sum(reading.rails_mj[rail] for rail in meter.total_rails)
        duration_s += reading.duration_s
    return energy_mj / duration_s


def _changing(rounds: List[Dict[str, Optional[float]]]) -> Optional[str]:
    """What still changes, or None."""
    powers_mw = [power_mw for power_mw in (each["power_mw"] for each in rounds) if power_mw is not None]
    degrees_c = [hottest_c for hottest_c in (each["hottest_c"] for each in rounds) if hottest_c is not None]
    if sum(powers_mw) > 0:
        power = trend_of(powers_mw)
        if power.beyond(POWER_SHARE):
            return "the power still changed by {:+.1f} %".format(100 * power.change)
    if degrees_c and max(degrees_c) - min(degrees_c) > DEGREES_C:
        return "the temperature still changed by {:.1f} degrees".format(max(degrees_c) - min(degrees_c))
    return None
