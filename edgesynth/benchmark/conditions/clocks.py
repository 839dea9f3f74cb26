"""Clocks of the CPU, the GPU and the memory, which must not change during a measurement."""

import os
from typing import Any, Callable, Dict, List, Optional

from edgesynth.benchmark.conditions.condition import Condition, Unseen, read_number
from edgesynth.benchmark.power.meter import UnreadableError

# Below the smallest step between two clocks of a TX1, TX2 or Nano, above the jitter of a counted clock on a PC.
SAME = 0.03
_TITLES = {"cpu": "CPU", "gpu": "GPU", "memory": "memory"}


class Clock(Condition):
    """One clock, which must not change under load.

    Args:
        name: "cpu", "gpu" or "memory".
        read: gives it in MHz, or raises `UnreadableError`.
    """

    def __init__(self, name: str, read: Callable[[], float]) -> None:
        self._name, self._read = name, read
        self._before: Optional[float] = None
        self._seen: List[float] = []
        self._unread: Optional[str] = None

    def begin(self) -> None:
        """Record the clock at rest, which may be lower; it is not judged."""
        self._before = self._now()

    def look(self) -> None:
        """Record the clock under load."""
        clock = self._now()
        if clock is not None:
            self._seen.append(clock)

    def flags(self) -> List[str]:
        """A flag if the clock changed under load."""
        if not self._seen or min(self._seen) >= (1 - SAME) * max(self._seen):
            return []
        return [
            "clocks changed: the {}'s was between {:.0f} and {:.0f} MHz during the run; lock it (on a Jetson: "
            "sudo jetson_clocks)".format(_TITLES[self._name], min(self._seen), max(self._seen))
        ]

    def describe(self) -> Dict[str, Any]:
        """The clock before the run, its least, its most and its last value, MHz; where it was lost, why."""
        seen = self._seen
        figures = {"before": self._before, "least": min(seen), "most": max(seen), "after": seen[-1]} if seen else None
        lost = ["clock of the {}: {}".format(_TITLES[self._name], self._unread)] if self._unread else []
        if figures is None and not lost:
            lost = ["clock of the {}: the run ended before it was looked at".format(_TITLES[self._name])]
        return {self._name + "_clock_mhz": figures, "unseen": lost}

    def _now(self) -> Optional[float]:
        try:
            return self._read()
        except UnreadableError as why:
            self._unread = str(why)
            return None


def in_mhz(path: str, per_mhz: float) -> float:
    """The clock that a file of sysfs holds, in MHz.

    Args:
        path: of the file.
        per_mhz: what it holds for one MHz: 1e6 for Hz.

    Raises:
        UnreadableError: it cannot be read, or holds no number above 0.
    """
    number = read_number(path)
    if number is None or number <= 0:
        raise UnreadableError("{} cannot be read".format(path) if number is None else "{} holds 0".format(path))
    return number / per_mhz


def cpu_clock(sysfs: str) -> Condition:
    """The fastest clock among the cores that this process may use."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    form = os.path.join(sysfs, "devices/system/cpu/cpu{}/cpufreq/scaling_cur_freq")
    paths = [path for path in map(form.format, cores) if read_number(path) is not None]
    if not paths:
        return Unseen("clock of the CPU", "{} has none".format(os.path.join(sysfs, "devices/system/cpu")))

    def read() -> float:
        khz = [number for number in map(read_number, paths) if number is not None]
        if not khz:
            raise UnreadableError("{} can no longer be read".format(paths[0]))
        return max(khz) / 1e3

    return Clock("cpu", read)
