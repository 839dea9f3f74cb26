"""How a grid is measured."""

from typing import NamedTuple

from edgesynth.benchmark.probe.settings import ProbeSettings, check_settings


class GridSettings(NamedTuple):
    """How to measure a grid.

    Attributes:
        duration_s: no place is begun after so many seconds; above 0.
        each_s: timed seconds for each place and pass, above 0.
        passes: how often everything is measured, far apart in time; the shortest time counts.
        batch: images per inference.
        threads: threads of the engine.
        precision: the one that the engine is asked for.
    """

    duration_s: float = 600.0
    each_s: float = 0.012
    passes: int = 2
    batch: int = 1
    threads: int = 1
    precision: str = "fp32"


def check_grid_settings(settings: GridSettings) -> None:
    """Refuse settings that cannot be measured.

    Raises:
        UserError: a value is out of range; the message names its option.
    """
    same = ("duration_s", "each_s", "batch", "threads")
    check_settings(ProbeSettings(**{name: getattr(settings, name) for name in same}))
