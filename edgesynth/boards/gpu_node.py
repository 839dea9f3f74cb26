"""The GPU of a Jetson in sysfs: its devfreq node, with the clock and the limits of the clock.

Names of the node: 57000000.gpu on TX1 and Nano, 17000000.gp10b on TX2, .gv11b on Xavier, .ga10b on Orin with JetPack 5
and .gpu with JetPack 6 (nvpmodel.conf of these boards), gpu-gpc-0 on Thor (rbonghi/jetson_stats, thor_gpu.py). All are
in Hz. `jetson_clocks` raises the lower limit to the upper one (NVIDIA's script of L4T r28), which nvpmodel sets.
"""

import glob
import os
import re
from typing import List, NamedTuple, Optional

_NODE = re.compile(r"[0-9a-f]+\.(gpu|g[a-z]\d+b)|gpu-gpc-0")
# The first is a folder of links to the others, which is there on every kernel that was seen.
_FOLDERS = ("class/devfreq", "devices/*/devfreq", "devices/platform/*/devfreq", "devices/platform/bus@0/*/devfreq")


class ClockLimits(NamedTuple):
    """Between what the GPU's clock may move, in MHz."""

    least_mhz: float
    most_mhz: float

    @property
    def locked(self) -> bool:
        """Whether it cannot move, as after `jetson_clocks`."""
        return self.least_mhz >= self.most_mhz


def gpu_nodes(sysfs: str) -> List[str]:
    """Folders of the GPU's devfreq node, each of which shows the same; none on a PC.

    Args:
        sysfs: root of the sysfs tree.
    """
    folders = [path for pattern in _FOLDERS for path in sorted(glob.glob(os.path.join(glob.escape(sysfs), pattern)))]
    return [os.path.join(folder, name) for folder in folders for name in _names(folder) if _NODE.fullmatch(name)]


def clock_limits(sysfs: str) -> Optional[ClockLimits]:
    """Limits of the GPU's clock as they are now; None where no node tells them.

    Args:
        sysfs: root of the sysfs tree.
    """
    for node in gpu_nodes(sysfs):
        hertz = [_number(os.path.join(node, name)) for name in ("min_freq", "max_freq")]
        if None not in hertz:
            least, most = (value / 1e6 for value in hertz if value is not None)
            return ClockLimits(least, most)
    return None


def _names(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _number(path: str) -> Optional[float]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return float(int(file.read()))
    except (OSError, ValueError):
        return None
