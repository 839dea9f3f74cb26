"""No power meter: reads nothing and says why, so that no caller needs a branch for it."""

import time

from edgesynth.benchmark.power.meter import Meter, Reading


class NoPower(Meter):
    """The meter of a machine that has none.

    Args:
        reason: why nothing can be read.
    """

    name = "none"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self._begin_s = 0.0

    def start(self) -> None:
        """Begin a window, whose time another meter may need."""
        self._begin_s = time.monotonic()

    def stop(self) -> Reading:
        """No rails: an empty dict, which is not the same as 0 mJ."""
        return Reading({}, time.monotonic() - self._begin_s, self._begin_s, reason=self.reason)
