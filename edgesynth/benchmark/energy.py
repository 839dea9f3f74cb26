"""From the meter's rails to energy per image; what was not measured is null with its reason, never 0."""

from typing import Any, Dict

from edgesynth.benchmark.power import Meter
from edgesynth.benchmark.timing import Track


def energy_of(meter: Meter, track: Track, images: int) -> Dict[str, Any]:
    """Energy of a track.

    Args:
        meter: the meter that read the track's windows.
        track: windows and the energy of each rail over them.
        images: images that went through in those windows.

    Returns:
        `per_image_mj`, `images_per_joule`, `mean_power_mw`, `rails_mj`, `meter`, `scope` (what is in the figure and
        what is not), `idle_subtracted` (always False) and `reason`: why the figures are None, or None.
    """
    total_mj = sum(track.rails_mj.values())
    reason = meter.reason
    if reason is None and total_mj <= 0:
        reason = "the counters of {} ({}) did not move during the run".format(meter.name, ", ".join(meter.rails))
    measured = reason is None
    return {
        "per_image_mj": total_mj / images if measured else None,
        "images_per_joule": images / total_mj * 1e3 if measured else None,
        "mean_power_mw": total_mj / track.duration_s if measured else None,
        "rails_mj": dict(track.rails_mj) if measured else {},
        "meter": meter.name,
        "scope": meter.scope,
        "idle_subtracted": False,
        "reason": reason,
    }
