"""No power meter: reads nothing and says why, so that no caller needs a branch for it."""

from edgesynth.benchmark.power.meter import Meter, Reading


class NoPower(Meter):
    """The meter of a machine that has none.

    Args:
        reason: why nothing can be read.
    """

    name = "none"

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> Reading:
        """No rails: an empty dict, which is not the same as 0 mJ."""
        return Reading({}, 0.0, 0.0, reason=self.reason)
