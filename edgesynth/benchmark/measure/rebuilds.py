"""How much one build of a model differs from the next: a builder chooses kernels by timing them, and times vary.

The interval of an engine's figures is that of the engine at hand; another build of the same file may be another engine.
"""

import math
from typing import Any, Callable, Dict, Sequence, Type

from edgesynth.benchmark.bundle.bundle import Target
from edgesynth.benchmark.engines.engine import BeyondMemoryError, Engine
from edgesynth.benchmark.measure.configurations import Configuration, load
from edgesynth.benchmark.measure.energy import energy_of
from edgesynth.benchmark.measure.settings import Settings
from edgesynth.benchmark.power import Meter
from edgesynth.benchmark.timing.timing import Track, spread, time_interleaved
from edgesynth.errors import UserError


def check_rebuilds(kind: Type[Engine], rebuilds: int) -> None:
    """Refuse rebuilds of an engine that builds nothing.

    Args:
        kind: the engine.
        rebuilds: how many were asked for.

    Raises:
        UserError: it has nothing to build.
    """
    if rebuilds and not kind.builds:
        raise UserError(
            "--rebuilds {} was given and {} builds nothing of a model that could differ; leave it out, or use "
            "--engine tensorrt".format(rebuilds, kind.name)
        )


def measure_rebuilds(
    configuration: Configuration,
    target: Target,
    kind: Type[Engine],
    settings: Settings,
    meter: Meter,
    window_s: float,
    look: Callable[[], Any],
) -> Dict[str, Any]:
    """Build a configuration's model anew several times, and time all builds interleaved.

    Args:
        configuration: loaded; its engine is the first build.
        target: where its model is from.
        kind: the engine.
        settings: `rebuilds`, durations, threads.
        meter: ready for windows.
        window_s: their length.
        look: called with the load just gone.

    Returns:
        `builds`: of each, the first one included, `p50_ms`, `images_per_joule` (None: not measured), `build_s` and
        `from_cache` (whether an earlier run has built it: the first alone may be);
        `p50_std_percent` and `images_per_joule_std_percent`: the builds' standard deviation as a share of their mean;
        `reason`: why there are none, or None. What has been measured already is not lost for it.
    """
    built = [configuration]
    try:
        for _ in range(settings.rebuilds):
            built.append(
                load(
                    target,
                    kind,
                    configuration.precision,
                    configuration.model,
                    configuration.batch,
                    settings.threads,
                    fresh=True,
                    ways=settings.ways,
                )
            )
        calls = [each.run for each in built]
        tracks = time_interleaved(calls, settings.duration_s, settings.warm_up_s, meter, window_s, look=look)
        builds = [_build(each, track, meter) for each, track in zip(built, tracks)]
    except BeyondMemoryError:
        return _none("{} builds do not fit the memory together; use a smaller --rebuilds".format(settings.rebuilds + 1))
    except UserError as error:
        return _none(str(error))
    finally:
        for each in built[1:]:
            each.engine.close()
    return {
        "builds": builds,
        "p50_std_percent": _std_percent([build["p50_ms"] for build in builds]),
        "images_per_joule_std_percent": _std_percent([build["images_per_joule"] for build in builds]),
        "reason": None,
    }


def _build(build: Configuration, track: Track, meter: Meter) -> Dict[str, Any]:
    facts = build.engine.built() or {}
    return {
        "p50_ms": spread(track.latencies_ms)["p50"],
        "images_per_joule": energy_of(meter, track, build.batch)["images_per_joule"],
        "build_s": facts.get("build_s"),
        "from_cache": facts.get("from_cache"),
    }


def _none(reason: str) -> Dict[str, Any]:
    return {"builds": [], "p50_std_percent": None, "images_per_joule_std_percent": None, "reason": reason}


def _std_percent(values: Sequence[Any]) -> Any:
    """Standard deviation of a sample as a share of its mean; None where a value is missing."""
    if any(value is None for value in values):
        return None
    mean = math.fsum(values) / len(values)
    return 100 * math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)) / mean
