"""An external wattmeter beside the board's own sensor: its log is cut into the same windows by the time of day."""

import bisect
import os
import time
from typing import Any, Callable, List, Optional

from edgesynth.benchmark.power.integral import Point, trapezoid
from edgesynth.benchmark.power.meter import Meter, Reading
from edgesynth.benchmark.power.sampled import EDGES, LEAST_SAMPLES
from edgesynth.benchmark.power.wattmeter_log import Log, read_log
from edgesynth.errors import UserError

RAIL = "wattmeter"
# A log that ends earlier than this before the run is not being written, or by another clock.
FRESH_S = 10.0
# The row after the last window comes one period later; programs that log keep a few back.
_PATIENCE_S = 5.0
# More, and the time of day was set during the run.
_CLOCK_STEP_S = 0.05


class Wattmeter(Meter):
    """The log that a wattmeter's program writes while a model is measured.

    Args:
        path: of the log, see `read_log`.
        wall: the time of day, seconds since the epoch.
        monotonic: the clock of the windows.

    Raises:
        UserError: it is no log, or its last row is not of now.
    """

    name = "wattmeter"
    devices = ("cpu", "gpu")
    total_rails = rails = (RAIL,)

    def __init__(
        self,
        path: str,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path, self._wall, self._monotonic = path, wall, monotonic
        self._offset_s = wall() - monotonic()
        log = read_log(path)
        self.period_s = log.period_s
        self.least_window_s = (LEAST_SAMPLES + EDGES) * log.period_s
        self.settle_s = 2 * log.period_s
        self.pause_s = log.period_s
        self.scope = "whatever is plugged into the wattmeter ({}); idle power is not subtracted".format(
            os.path.basename(path)
        )
        age_s = wall() - log.points[-1][0]
        if abs(age_s) > FRESH_S + log.period_s:
            raise UserError(
                "--wattmeter {}: its last row is {:.0f} s {} this machine's clock; let the log run during the "
                "measurement, by the same clock".format(path, abs(age_s), "behind" if age_s > 0 else "ahead of")
            )
        self._points: List[Point] = []
        self._lost: Optional[str] = None

    def slow_down(self, meter: Meter) -> None:
        """Let another meter's windows begin late enough for this one."""
        meter.settle_s = max(meter.settle_s, self.settle_s)
        meter.pause_s = max(meter.pause_s, self.pause_s)

    def finish(self, end_s: float, sleep: Callable[[float], Any] = time.sleep) -> None:
        """Read the log again, when it has the row after the last window.

        Args:
            end_s: of the last window on the monotonic clock.
            sleep: rests for so many s.
        """
        moved_s = self._wall() - self._monotonic() - self._offset_s
        if abs(moved_s) > _CLOCK_STEP_S:
            self._lost = "this machine's time of day was set by {:+.2f} s during the run".format(moved_s)
            return
        last_s = self._monotonic() + _PATIENCE_S + 2 * (self.period_s or 0.0)
        try:
            log = self._log()
            while log.points[-1][0] < end_s + self._offset_s and self._monotonic() < last_s:
                sleep(0.2)
                log = self._log()
        except UserError as error:
            self._lost = str(error)
            return
        self._points = log.points

    def reading(self, seen: Reading) -> Reading:
        """What the log has of a window that another meter has timed.

        Args:
            seen: the other meter's reading of it.

        Returns:
            Its energy, without the raw samples; or why there is none.
        """
        if self._lost is not None:
            return seen._replace(rails_mj={}, samples=(), values=None, misses=0, reason=self._lost, needed_s=None)
        begin_s = seen.begin_s + self._offset_s
        end_s = begin_s + seen.duration_s
        first = bisect.bisect_left(self._points, (begin_s, 0.0))
        last = bisect.bisect_right(self._points, (end_s, float("inf")))
        rails_mj, reason = {}, None
        if first == 0 or last == len(self._points):
            reason = "{} does not reach beyond a window of the run on both sides".format(os.path.basename(self.path))
        elif last - first < LEAST_SAMPLES:
            reason = "{} has {} rows in a window of {:.1f} s and at least {} are needed".format(
                os.path.basename(self.path), last - first, seen.duration_s, LEAST_SAMPLES
            )
        else:
            rails_mj = {RAIL: trapezoid(self._points[first - 1 : last + 1], begin_s, end_s)}
        return Reading(rails_mj, seen.duration_s, seen.begin_s, (), last - first, 0, reason, None)

    def _log(self) -> Log:
        return read_log(self.path)
