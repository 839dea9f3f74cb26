"""Other processes on the GPU, which take time and memory from ours."""

import os
from typing import Any, Callable, Dict, List

from edgesynth.benchmark.conditions.condition import Condition
from edgesynth.benchmark.power.meter import UnreadableError


class OtherProcesses(Condition):
    """Other processes that compute on the GPU.

    Args:
        processes: gives the numbers of all that do, or raises `UnreadableError`.
    """

    def __init__(self, processes: Callable[[], List[int]]) -> None:
        self._processes = processes
        self._others = 0
        self._unseen: List[str] = []

    def begin(self) -> None:
        """List the processes before the engine is loaded: each but this one is another."""
        self._others = len([pid for pid in self._all() if pid != os.getpid()])

    def look(self) -> None:
        """List the processes with the engine loaded; in a container, this process has an unknown number there."""
        everyone = self._all()
        others = [pid for pid in everyone if pid != os.getpid()]
        ours_is_known = len(others) < len(everyone)
        self._others = max(self._others, len(others) - (0 if ours_is_known else 1))

    def flags(self) -> List[str]:
        """A flag if there were other processes."""
        if self._others < 1:
            return []
        return [
            "GPU shared: {} other process{} computed on it; end what is not measured".format(
                self._others, "" if self._others == 1 else "es"
            )
        ]

    def describe(self) -> Dict[str, Any]:
        """The largest number of other processes."""
        return {"other_gpu_processes": None if self._unseen else self._others, "unseen": self._unseen[:1]}

    def _all(self) -> List[int]:
        try:
            return self._processes()
        except UnreadableError as why:
            self._unseen.append("other processes on the GPU: {}".format(why))
            return []
