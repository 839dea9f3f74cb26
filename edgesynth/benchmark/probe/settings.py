"""How a probe measures."""

import math
from typing import NamedTuple

from edgesynth import defaults
from edgesynth.benchmark.measure.settings import MAX_BATCH, MAX_THREADS
from edgesynth.errors import UserError


class ProbeSettings(NamedTuple):
    """How to probe.

    Attributes:
        duration_s: after so many seconds no more widths are begun, above 0.
        each_s: timed seconds for each width, above 0.
        warm_up_s: untimed seconds before, for each, 0 or more.
        finest: gap between widths that is small enough, channels, at least 1.
        input_widths: widths of the input that each layer is measured at, at least 1, its own first.
        batch: images per inference.
        threads: threads of the engine.
    """

    duration_s: float = defaults.PROBE_DURATION_S
    each_s: float = defaults.PROBE_EACH_S
    warm_up_s: float = defaults.PROBE_WARM_UP_S
    finest: int = defaults.PROBE_FINEST
    input_widths: int = defaults.PROBE_INPUT_WIDTHS
    batch: int = defaults.PROBE_BATCH
    threads: int = defaults.PROBE_THREADS


def check_settings(settings: ProbeSettings) -> None:
    """Refuse settings that cannot be measured.

    Raises:
        UserError: a value is out of range; the message names its option.
    """
    for name, allows_0 in (("duration_s", False), ("each_s", False), ("warm_up_s", True)):
        value = getattr(settings, name)
        if not (math.isfinite(value) and (value > 0 or (allows_0 and value == 0))):
            allowed = "0 or more" if allows_0 else "above 0"
            raise UserError("--{} is {}; it must be {} seconds".format(name.replace("_", "-"), value, allowed))
    bounds = {"finest": None, "input_widths": None, "batch": MAX_BATCH, "threads": MAX_THREADS}
    for name, most in bounds.items():  # type: str, Optional[int]
        value = getattr(settings, name)
        if value < 1 or (most is not None and value > most):
            allowed = "at least 1" if most is None else "1 to {}".format(most)
            raise UserError("--{} is {}; it must be {}".format(name.replace("_", "-"), value, allowed))
