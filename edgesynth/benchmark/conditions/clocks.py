"""Clocks of the CPU and the GPU, which must not change during a measurement."""

import os
from typing import Any, Callable, Dict, List, Optional

from edgesynth.benchmark.conditions.condition import Condition, Unseen, matching, read_number
from edgesynth.benchmark.power.meter import UnreadableError

# Below the smallest step between two clocks of a TX1, TX2 or Nano, above the jitter of a counted clock on a PC.
SAME = 0.03
# The GPU's devfreq: 57000000.gpu on TX1 and Nano, 17000000.gp10b on TX2, .gv11b on Xavier, .ga10b and .gpu on Orin.
_GPU = r"[0-9a-f]+\.(gpu|g[a-z]\d+b)"
_BUSY_PER_MILLE = 50


class Clock(Condition):
    """One clock, which must not change under load.

    Args:
        name: "cpu" or "gpu".
        read: gives it in MHz, or None, or raises `UnreadableError`.
    """

    def __init__(self, name: str, read: Callable[[], Optional[float]]) -> None:
        self._name, self._read = name, read
        self._before: Optional[float] = None
        self._seen: List[float] = []

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
            "sudo jetson_clocks)".format(self._name.upper(), min(self._seen), max(self._seen))
        ]

    def describe(self) -> Dict[str, Any]:
        """The clock before the run, its least, its most and its last value, MHz."""
        seen = self._seen
        figures = {"before": self._before, "least": min(seen), "most": max(seen), "after": seen[-1]} if seen else None
        return {self._name + "_clock_mhz": figures}

    def _now(self) -> Optional[float]:
        try:
            return self._read()
        except UnreadableError:
            return None


class GpuLoad(Condition):
    """Load of a Jetson's GPU before the run: NVML, which would name the processes, is not there.

    Args:
        path: gives the load in per mille.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._per_mille: Optional[float] = None

    def begin(self) -> None:
        """Read the load before the engine is loaded."""
        self._per_mille = read_number(self._path)

    def flags(self) -> List[str]:
        """A flag if other processes used the GPU."""
        if self._per_mille is None or self._per_mille <= _BUSY_PER_MILLE:
            return []
        return [
            "GPU shared: its load was {:.0f} % before the run; end other work on it, and the desktop".format(
                self._per_mille / 10
            )
        ]

    def describe(self) -> Dict[str, Any]:
        """The load before the run, percent."""
        return {"gpu_load_before_percent": None if self._per_mille is None else self._per_mille / 10}


def cpu_clock(sysfs: str) -> Condition:
    """The fastest clock among the cores that this process may use."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    form = os.path.join(sysfs, "devices/system/cpu/cpu{}/cpufreq/scaling_cur_freq")
    paths = [path for path in map(form.format, cores) if read_number(path) is not None]
    if not paths:
        return Unseen("clock of the CPU", "{} has none".format(os.path.join(sysfs, "devices/system/cpu")))
    return Clock("cpu", lambda: max((khz / 1e3 for khz in map(read_number, paths) if khz is not None), default=None))


def gpu_clock(sysfs: str) -> List[Condition]:
    """Clock and load of a Jetson's GPU."""
    folders = matching(os.path.join(sysfs, "class/devfreq"), _GPU)
    if not folders:
        return [Unseen("clock of the GPU", "{} has none".format(os.path.join(sysfs, "class/devfreq")))]
    path = os.path.join(folders[0], "cur_freq")

    def read() -> Optional[float]:
        hz = read_number(path)
        return None if hz is None else hz / 1e6

    return [Clock("gpu", read), GpuLoad(os.path.join(folders[0], "device", "load"))]
