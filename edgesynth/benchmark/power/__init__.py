"""Power meters. Each is looked for under a sysfs root; the first that can be read is used.

A new meter is a file with a class as `meter.Meter` describes it, and one line here.
"""

import contextlib
import time
from typing import Any, Iterator, List

from edgesynth.benchmark.power.ina3221 import Ina3221
from edgesynth.benchmark.power.meter import Meter, Reading, UnreadableError
from edgesynth.benchmark.power.none import NoPower
from edgesynth.benchmark.power.nvml import Nvml
from edgesynth.benchmark.power.rapl import Rapl

METERS: List[Any] = [Ina3221, Nvml, Rapl]
# Fewer give no interval worth its name; the windows of a run are even in number.
LEAST_WINDOWS = 5
_LEAST_PLANNED = 6
# A longer run has longer windows, not more of them, for a sensor that turns out to be slower than its driver says.
MOST_WINDOWS = 10


def find(sysfs: str = "/sys", device: str = "cpu") -> Meter:
    """The first meter that can be read here and covers a device.

    Args:
        sysfs: root of the sysfs tree.
        device: what the engine runs on, "cpu" or "gpu".

    Returns:
        A meter, or a `NoPower` that says why there is none.
    """
    reasons = []
    for kind in METERS:
        if device not in kind.devices:
            continue
        try:
            meter: Meter = kind.find(sysfs)
            return meter
        except UnreadableError as why:
            reasons.append(str(why))
    return NoPower("; ".join(reasons))


def window_for(meter: Meter, duration_s: float, usual_s: float) -> float:
    """Length of the windows that give a figure.

    Args:
        meter: what reads them.
        duration_s: timed seconds in all.
        usual_s: length of a window that nobody looks at with a sensor.

    Returns:
        In s, at least what the meter needs.

    Raises:
        UnreadableError: the run is too short for enough windows; the message has the duration that would do.
    """
    least_s = _LEAST_PLANNED * meter.least_window_s
    if duration_s < least_s:
        raise UnreadableError(
            "{:g} s are too short for {} windows of {:.2f} s, which its sensor needs ({}); use --duration-s {:.0f} or "
            "more".format(duration_s, _LEAST_PLANNED, meter.least_window_s, _sensor(meter), least_s + 0.5)
        )
    if meter.period_s is None:
        return min(usual_s, duration_s / _LEAST_PLANNED)
    # A hair more here too: six times the least, divided by it, may be a hair below six.
    windows = min(MOST_WINDOWS, 2 * int(duration_s / meter.least_window_s / 2 * (1 + 1e-9)))
    # A hair more, so that the run divided by it is not a hair above that number of windows.
    return duration_s / windows * (1 + 1e-9)


@contextlib.contextmanager
def opened(meter: Meter, busy_cores: int = 1) -> Iterator[Meter]:
    """A meter that is ready for windows, closed at the end; a `NoPower` with the reason where it cannot be.

    Args:
        meter: from `find`.
        busy_cores: cores that the measured work holds.
    """
    try:
        meter.open(busy_cores)
    except UnreadableError as why:
        meter = NoPower(str(why))
    try:
        yield meter
    finally:
        meter.close()


def rest(meter: Meter, duration_s: float) -> Reading:
    """A window in which nothing is run.

    Args:
        meter: ready for windows.
        duration_s: length of the window; before it the machine rests for as long as the sensor remembers.
    """
    time.sleep(meter.settle_s)
    meter.start()
    time.sleep(duration_s)
    return meter.stop()


def _sensor(meter: Meter) -> str:
    if meter.period_s is None:
        return meter.name
    return "{}, a new value every {:.0f} ms".format(meter.name, 1e3 * meter.period_s)
