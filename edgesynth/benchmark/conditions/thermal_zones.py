"""Temperatures of a machine as the kernel shows them."""

import os
from typing import List, Optional, Sequence

from edgesynth.benchmark.conditions.condition import matching, read_number, read_text

# A sensor of the Jetson's power chip that always says 100 degrees.
_CONSTANT = "PMIC"


def thermal_zones(sysfs: str) -> List[str]:
    """Files of all zones that measure, one number each.

    Args:
        sysfs: root of the sysfs tree.
    """
    return [
        os.path.join(folder, "temp")
        for folder in matching(os.path.join(sysfs, "class/thermal"), r"thermal_zone\d+")
        if _CONSTANT not in (read_text(os.path.join(folder, "type")) or "")
    ]


def hottest_of(zones: Sequence[str]) -> Optional[float]:
    """Temperature of the hottest, degrees Celsius; None where none can be read.

    Args:
        zones: from `thermal_zones`.
    """
    degrees_c = [milli / 1e3 for milli in map(read_number, zones) if milli is not None]
    return max(degrees_c) if degrees_c else None
