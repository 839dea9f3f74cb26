"""What every power meter has: rails, which of them are the total, and the energy of a window."""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from edgesynth.benchmark.power.accuracy import UNKNOWN, Accuracy

Sample = Tuple[float, ...]


class UnreadableError(Exception):
    """A meter cannot be read here; the message says why."""


class Reading(NamedTuple):
    """What a meter saw of one window.

    Attributes:
        rails_mj: energy of each rail over the window, in mJ; empty where there is a `reason`.
        duration_s: length of the window by the meter's clock.
        begin_s: start of the window on the monotonic clock.
        samples: the raw samples, each (seconds after `begin_s`, then one value for each rail); empty for a counter that
            is only read at both ends.
        values: how many new ones the sensor had within the window; None for a counter that is read at both ends.
        misses: attempts to read that failed.
        reason: why there is no energy, or None.
        needed_s: with a `reason`, the length of a window that would have done; None where none would.
    """

    rails_mj: Dict[str, float]
    duration_s: float
    begin_s: float
    samples: Tuple[Sample, ...] = ()
    values: Optional[int] = None
    misses: int = 0
    reason: Optional[str] = None
    needed_s: Optional[float] = None


class Meter:
    """A power meter; a kind of meter is a class that says how it is found and read.

    Attributes:
        name: in the result.
        devices: what its figure covers, of "cpu" and "gpu"; an engine on another device is not measured with it.
        scope: what is in the figure and what is not.
        reason: why nothing can be read; None where it reads.
        rails: what it reads.
        total_rails: the rails whose sum is the headline.
        gpu_rail: the rail that feeds the GPU, perhaps with others that its name tells; None if there is none.
        period_s: how often the sensor has a new value; None for a counter that is only read at both ends of a window.
        least_window_s: a window shorter than this says nothing.
        settle_s: the load must have been there for this long before a window begins.
        pause_s: before a window the load rests for a random part of this, so that a load whose period is that of the
            sensor itself meets it in another phase in each window: the windows' spread then shows what one would hide.
        accuracy: how far the sum of the total rails may be off for as long as it is measured.
    """

    name = ""
    devices: Tuple[str, ...] = ()
    scope: Optional[str] = None
    reason: Optional[str] = None
    rails: Sequence[str] = ()
    total_rails: Sequence[str] = ()
    gpu_rail: Optional[str] = None
    period_s: Optional[float] = None
    least_window_s = 0.0
    settle_s = 0.0
    pause_s = 0.0
    accuracy: Accuracy = UNKNOWN

    def open(self, busy_cores: int = 1) -> None:
        """Get ready for windows.

        Args:
            busy_cores: cores that the measured work holds.

        Raises:
            UnreadableError: the meter can no longer be read.
        """

    def close(self) -> None:
        """Give back what `open` took; also after a failure."""

    def start(self) -> None:
        """Begin a window."""
        raise NotImplementedError

    def stop(self) -> Reading:
        """End the window and read it."""
        raise NotImplementedError

    def flags(self) -> List[str]:
        """What of the sensor would mislead, by name; told where there is a figure."""
        return []

    def describe(self) -> Dict[str, Any]:
        """The sensor, as the result records it."""
        return {
            "rails": list(self.rails),
            "total_rails": list(self.total_rails),
            "gpu_rail": self.gpu_rail,
            "period_s": self.period_s,
        }
