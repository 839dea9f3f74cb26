"""Power meters. Each knows how to find itself under a sysfs root; the first that can be read is taken.

A meter has `name`, `rails`, `scope`, `reason` (None where it reads), `start()` and `stop() -> {rail: energy_mj}`. A new
meter is a new file and one line here.
"""

from typing import Union

from edgesynth.benchmark.power.none import NoPower, UnreadableError
from edgesynth.benchmark.power.rapl import Rapl

METERS = [Rapl]

Meter = Union[Rapl, NoPower]


def find(sysfs: str = "/sys") -> Meter:
    """The first meter that can be read here.

    Args:
        sysfs: root of the sysfs tree.

    Returns:
        A meter, or a `NoPower` that says why there is none.
    """
    reasons = []
    for meter in METERS:
        try:
            return meter.find(sysfs)
        except UnreadableError as why:
            reasons.append(str(why))
    return NoPower("; ".join(reasons))
