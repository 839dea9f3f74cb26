"""What can be watched of the GPU and its memory: of each quantity the first source that answers.

NVML knows a PC's GPU. JetPack 6 has one too, which opens and answers "Not Supported" to most of what it is asked
(ultralytics/ultralytics#20680, nvidia-cosmos/cosmos-reason1#61), so each quantity falls back by itself to what sysfs
shows of a Jetson. What no source tells is named with the reason of each.
"""

import os
from typing import Any, Callable, Dict, List, Optional

from edgesynth.benchmark.conditions.clocks import Clock, in_mhz
from edgesynth.benchmark.conditions.condition import Condition, Unseen, read_number
from edgesynth.benchmark.conditions.other_processes import OtherProcesses
from edgesynth.benchmark.conditions.throttling import Slowdowns
from edgesynth.benchmark.power.meter import UnreadableError
from edgesynth.benchmark.power.nvml_library import CLOCK_OF_MEMORY, NvmlLibrary
from edgesynth.boards.gpu_node import ClockLimits, clock_limits, gpu_nodes

_BUSY_PER_MILLE = 50
# Of the nodes' device, and of L4T's own link to it.
_LOADS = ("devices/gpu.0/load", "devices/platform/gpu.0/load")
# In Hz. NVIDIA's jetson_clocks of L4T r28 reads the memory's clock at the first on TX1 and at the second on TX2; the
# third is what it writes there, and Orin has it too; `bwmgr` is Thor's. All but the last are for root alone.
_EMC = (
    "kernel/debug/clk/override.emc/clk_rate",
    "kernel/debug/clk/emc/clk_rate",
    "kernel/debug/bpmp/debug/clk/emc/rate",
    "class/devfreq/bwmgr/cur_freq",
)


class GpuLoad(Condition):
    """Load of a Jetson's GPU before the run, in place of the processes that NVML would name.

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
        if self._per_mille is None:
            return {"unseen": ["load of the GPU: {} cannot be read".format(self._path)]}
        return {"gpu_load_before_percent": self._per_mille / 10}


class GpuLimits(Condition):
    """Limits of a Jetson's GPU clock, which are one where it is locked.

    Args:
        sysfs: root of the sysfs tree.
        limits: as they are now.
    """

    def __init__(self, sysfs: str, limits: ClockLimits) -> None:
        self._sysfs, self._limits = sysfs, limits
        self._after: Optional[ClockLimits] = limits

    def look(self) -> None:
        """Read the limits again: heat or another power mode may move them."""
        self._after = clock_limits(self._sysfs)

    def flags(self) -> List[str]:
        """A flag if the clock may move, or the limits did."""
        flags = []
        if not self._limits.locked:
            flags.append(
                "clocks not locked: the GPU's may be between {:.0f} and {:.0f} MHz; lock it: sudo jetson_clocks".format(
                    *self._limits
                )
            )
        if self._after is not None and self._after.most_mhz != self._limits.most_mhz:
            flags.append(
                "clocks changed: the GPU's highest was {:.0f} MHz before the run and is {:.0f} MHz, by heat or by "
                "another power mode".format(self._limits.most_mhz, self._after.most_mhz)
            )
        return flags

    def describe(self) -> Dict[str, Any]:
        """The limits before the run, MHz."""
        return {"gpu_limits_mhz": dict(self._limits._asdict(), locked=self._limits.locked)}


def watch_gpu(sysfs: str, library: str) -> List[Condition]:
    """Clocks, limits, slowdowns and load of the GPU, or why there is none of them.

    Args:
        sysfs: root of the sysfs tree.
        library: file name of NVML.
    """
    try:
        nvml = NvmlLibrary(library)
        handle = nvml.handle(nvml.chosen())
    except UnreadableError as why:
        refuse = _refusing(str(why))
        parts = [_gpu_clock(sysfs, refuse), _memory_clock(sysfs, refuse)] + _others(sysfs, refuse)
    else:
        parts = [
            _gpu_clock(sysfs, lambda: nvml.clock_mhz(handle)),
            _memory_clock(sysfs, lambda: nvml.clock_mhz(handle, CLOCK_OF_MEMORY)),
            Slowdowns(nvml, handle),
        ] + _others(sysfs, lambda: nvml.processes(handle))
    limits = clock_limits(sysfs)
    return parts + ([GpuLimits(sysfs, limits)] if limits is not None else [])


def watch_memory(sysfs: str) -> List[Condition]:
    """The clock of a Jetson's memory, for work on its CPU; nothing on another machine.

    Args:
        sysfs: root of the sysfs tree.
    """
    return [_memory_clock(sysfs)] if gpu_nodes(sysfs) else []


def _gpu_clock(sysfs: str, nvml: Callable[[], float]) -> Condition:
    paths = [os.path.join(node, "cur_freq") for node in gpu_nodes(sysfs)]
    missing = [] if paths else ["{} has none of a Jetson".format(os.path.join(sysfs, "class/devfreq"))]
    return _first_clock("gpu", "clock of the GPU", [nvml] + [_reading(path) for path in paths], missing)


def _memory_clock(sysfs: str, *nvml: Callable[[], float]) -> Condition:
    paths = [os.path.join(sysfs, name) for name in _EMC]
    there = [path for path in paths if read_number(path) is not None]
    why = "{0}/class/devfreq has no bwmgr, and {0}/kernel/debug shows no clk/emc (only root may look there)".format(
        sysfs
    )
    what = "clock of the memory (on a Jetson: EMC)"
    return _first_clock("memory", what, list(nvml) + [_reading(path) for path in there], [why])


def _first_clock(name: str, what: str, sources: List[Callable[[], float]], missing: List[str]) -> Condition:
    reasons = []
    for read in sources:
        try:
            if read() > 0:
                return Clock(name, read)
            reasons.append("NVML says 0 MHz")
        except UnreadableError as why:
            reasons.append(str(why))
    return Unseen(what, "; ".join(reasons + missing))


def _others(sysfs: str, nvml: Callable[[], Any]) -> List[Condition]:
    """Other processes, or where these are not told the load."""
    try:
        nvml()
        return [OtherProcesses(nvml)]
    except UnreadableError as why:
        parts: List[Condition] = [Unseen("other processes on the GPU", str(why))]
    paths = [os.path.join(node, place, "load") for node in gpu_nodes(sysfs) for place in ("device", "")]
    for path in paths + [os.path.join(sysfs, name) for name in _LOADS]:
        if read_number(path) is not None:
            return parts + [GpuLoad(path)]
    return parts + [Unseen("load of the GPU", "no file `load` of a Jetson's GPU in {}".format(sysfs))]


def _reading(path: str) -> Callable[[], float]:
    return lambda: in_mhz(path, 1e6)


def _refusing(why: str) -> Callable[[], Any]:
    def refuse() -> Any:
        raise UnreadableError(why)

    return refuse
