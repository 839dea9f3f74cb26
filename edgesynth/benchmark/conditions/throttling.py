"""Throttling: heat, power or current slowed the machine during the measurement."""

import os
import re
from typing import Any, Dict, List, Optional, Set

from edgesynth.benchmark.conditions.condition import Condition, matching, read_number, read_text
from edgesynth.benchmark.conditions.thermal_zones import hottest_of, thermal_zones
from edgesynth.benchmark.power.meter import UnreadableError

# A fan is a cooling device too, and may run.
_HOLDS_BACK = re.compile("cpu|gpu|emc|processor|throttle|balanced", re.IGNORECASE)
_NOTHING = "throttling: {} has neither a cooling device that holds back nor a counter of such events"


class Throttling(Condition):
    """Throttling that the kernel reports: active cooling devices, and event counters that have risen.

    Cooling devices are the kernel's own (`cur_state` above 0), counters those of Intel's cores and of the over-current
    alarms of Orin (`soctherm_oc`).

    Args:
        sysfs: root of the sysfs tree.
    """

    def __init__(self, sysfs: str) -> None:
        self._devices = {}
        for folder in matching(os.path.join(sysfs, "class/thermal"), r"cooling_device\d+"):
            kind = read_text(os.path.join(folder, "type")) or ""
            if _HOLDS_BACK.search(kind) and "fan" not in kind.lower():
                self._devices[os.path.join(folder, "cur_state")] = kind
        self._counters = {}
        for core in matching(os.path.join(sysfs, "devices/system/cpu"), r"cpu\d+"):
            for path in matching(os.path.join(core, "thermal_throttle"), r"(core|package)_throttle_count"):
                self._counters[path] = "heat of the processor"
        for folder in matching(os.path.join(sysfs, "class/hwmon"), r"hwmon\d+"):
            if read_text(os.path.join(folder, "name")) == "soctherm_oc":
                for path in matching(folder, r"oc\d+_event_cnt"):
                    self._counters[path] = "over-current alarm {}".format(os.path.basename(path).split("_")[0])
        self._unseen = [] if self._devices or self._counters else [_NOTHING.format(sysfs)]
        self._zones = thermal_zones(sysfs)
        self._counts: Dict[str, Optional[float]] = {}
        self._reasons: Set[str] = set()
        self._hottest_c: List[float] = []

    def begin(self) -> None:
        """Read the counters, which count since the machine was started."""
        self._counts = {path: read_number(path) for path in self._counters}
        self._temperatures()

    def look(self) -> None:
        """Read the cooling devices and the counters."""
        self._reasons.update(
            "cooling by {}".format(kind) for path, kind in self._devices.items() if (read_number(path) or 0) > 0
        )
        for path, reason in self._counters.items():
            before, now = self._counts.get(path), read_number(path)
            if before is not None and now is not None and now > before:
                self._reasons.add(reason)
        self._temperatures()

    def flags(self) -> List[str]:
        """A flag if the machine was throttled."""
        return throttled(self._reasons)

    def describe(self) -> Dict[str, Any]:
        """The temperature of the hottest zone before the run and the highest in it, in degrees Celsius."""
        seen = self._hottest_c
        figures = {"before": seen[0], "most": max(seen)} if seen else None
        unseen = self._unseen + ([] if seen else ["temperature: no thermal zone tells it"])
        return {"hottest_c": figures, "unseen": unseen}

    def _temperatures(self) -> None:
        hottest_c = hottest_of(self._zones)
        if hottest_c is not None:
            self._hottest_c.append(hottest_c)


class Slowdowns(Condition):
    """Reasons for a lower GPU clock that NVML reports.

    Args:
        nvml: the library.
        handle: the GPU.
    """

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml, self._handle = nvml, handle
        self._reasons: Set[str] = set()
        self._unread: Optional[str] = None

    def look(self) -> None:
        """Read the reasons under load: the clock of an idle GPU is always low."""
        try:
            self._reasons.update(self._nvml.slowdowns(self._handle))
        except UnreadableError as why:
            self._unread = str(why)

    def flags(self) -> List[str]:
        """A flag if the GPU was throttled."""
        return throttled(self._reasons)

    def describe(self) -> Dict[str, Any]:
        """Why the reasons could not be read, if they could not."""
        return {"unseen": ["reasons for a lower clock of the GPU: {}".format(self._unread)] if self._unread else []}


def throttled(reasons: Set[str]) -> List[str]:
    """The flag, if there is a reason."""
    if not reasons:
        return []
    return ["throttled: {}; let the machine cool down, or choose a lower power mode".format(", ".join(sorted(reasons)))]
