"""The machine of a measurement: what a reader must know to compare two results. No host or user name is taken."""

import os
import platform
import re
from typing import Any, Dict, Optional, Set

from edgesynth.boards.power_state import power_state

_CLOCK = "sys/devices/system/cpu/cpu0/cpufreq/"


def describe_machine(root: str = "/") -> Dict[str, Any]:
    """Describe this machine, as it is now.

    Args:
        root: folder that holds `proc` and `sys`.

    Returns:
        `cpu`, `board` (from the device tree; None on a PC), `power_mode` (of nvpmodel; None on a PC), `gpu_min_mhz`,
        `gpu_max_mhz` and `gpu_clocks_locked` (limits of a Jetson's GPU clock; None on a PC), `architecture`, `cores`
        (that this process may use), `governor`, `min_khz` and `max_khz` of the first core's clock (None where they
        cannot be read), `load_1min` (running tasks over the last minute), `os`, `python`.
    """
    described: Dict[str, Any] = {
        "cpu": cpu_name(root),
        # In a container the device tree is masked, and the host hands the model in.
        "board": _read(root, "proc/device-tree/model") or _read(root, "tmp/nv_jetson_model"),
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "governor": _read(root, _CLOCK + "scaling_governor"),
        "min_khz": _number(_read(root, _CLOCK + "scaling_min_freq")),
        "max_khz": _number(_read(root, _CLOCK + "scaling_max_freq")),
        "load_1min": _number(_read(root, "proc/loadavg")),
        "os": "{} {}".format(platform.system(), platform.release()),
        "python": platform.python_version(),
    }
    described.update(power_state(root).facts())
    return described


def cpu_name(root: str = "/") -> str:
    """Name of the processor, from the files of a root that holds `proc`."""
    names = re.findall(r"^(?:model name|Hardware)\s*:\s*(.+)$", _read(root, "proc/cpuinfo") or "", re.MULTILINE)
    return names[0].strip() if names else platform.processor() or platform.machine()


def cpu_flags(root: str = "/") -> Set[str]:
    """What the processor can do, as Linux names it; empty where that cannot be read."""
    lines = re.findall(r"^(?:flags|Features)\s*:\s*(.+)$", _read(root, "proc/cpuinfo") or "", re.MULTILINE)
    return set(lines[0].split()) if lines else set()


def _number(text: Optional[str]) -> Optional[float]:
    try:
        return float(text.split()[0]) if text else None
    except ValueError:  # some drivers write "<unsupported>"
        return None


def _read(root: str, path: str) -> Optional[str]:
    try:
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            # Strings of the device tree end with a zero byte.
            return file.read().strip().strip("\0") or None
    except OSError:
        return None
