"""Conditions of a run: changes of the machine during a measurement that make its figures misleading.

Everything is looked at before the run, under load after the warm-up and at the end of every window, never within one.
A new condition is a file with a class as `condition.Condition` describes it, and one line here.
"""

from typing import Any, Dict, List

from edgesynth.benchmark.conditions.clocks import Clock, cpu_clock
from edgesynth.benchmark.conditions.condition import Condition
from edgesynth.benchmark.conditions.gpu import watch_gpu, watch_memory
from edgesynth.benchmark.conditions.throttling import Throttling
from edgesynth.benchmark.power.nvml_library import LIBRARY

__all__ = ["Clock", "Condition", "Conditions", "watch"]


class Conditions:
    """All conditions that can be seen here.

    Args:
        parts: each is looked at once.
    """

    def __init__(self, parts: List[Condition]) -> None:
        self._parts = parts
        for part in parts:
            part.begin()

    def look(self) -> None:
        """Look at everything, under load."""
        for part in self._parts:
            part.look()

    def flags(self) -> List[str]:
        """What would mislead, by name."""
        return [flag for part in self._parts for flag in part.flags()]

    def describe(self) -> Dict[str, Any]:
        """What was seen, for the result; `unseen` has the reason for what could not be."""
        described: Dict[str, Any] = {"unseen": []}
        for part in self._parts:
            seen = part.describe()
            described["unseen"] += seen.pop("unseen", [])
            described.update(seen)
        return described


def watch(device: str, sysfs: str = "/sys", library: str = LIBRARY) -> Conditions:
    """What can be seen of this machine, looked at for the first time.

    Args:
        device: what the engine runs on, "cpu" or "gpu"; before the engine has been there.
        sysfs: root of the sysfs tree.
        library: file name of NVML.
    """
    parts: List[Condition] = [cpu_clock(sysfs), Throttling(sysfs)]
    parts += watch_gpu(sysfs, library) if device == "gpu" else watch_memory(sysfs)
    return Conditions(parts)
