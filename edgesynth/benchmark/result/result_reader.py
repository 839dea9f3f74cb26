"""Results that may be compared: read, and every figure checked that a comparison divides by."""

import math
import os
from typing import Any, Dict, Iterator, List, NamedTuple, Sequence, Tuple

from edgesynth.benchmark.result.result import read_result
from edgesynth.errors import UserError


class Named(NamedTuple):
    """A result and the file that it was read from."""

    path: str
    result: Dict[str, Any]


def read_results(paths: Sequence[str]) -> List[Named]:
    """Read results.

    Args:
        paths: files that `edgesynth benchmark` wrote, at least two, the reference first.

    Returns:
        The results, in the order given.

    Raises:
        UserError: fewer than two files, one of them twice, no result, or a figure in it that is none.
    """
    if len(paths) < 2:
        given = "only {} was".format(paths[0]) if paths else "no result was"
        raise UserError("{} given; give the reference and at least one other result".format(given))
    seen = [os.path.realpath(path) for path in paths]
    for path in paths:
        if seen.count(os.path.realpath(path)) > 1:
            raise UserError("{} is given twice; a result compared with itself says nothing".format(path))
    return [Named(path, _checked(path, read_result(path))) for path in paths]


def _checked(path: str, result: Dict[str, Any]) -> Dict[str, Any]:
    unusable = sorted({name for name, usable in _figures(result) if not usable})
    if unusable:
        raise UserError(
            "{} has no usable {}; it was altered or is of another program: measure again".format(
                path, ", ".join(unusable)
            )
        )
    return result


def _figures(result: Dict[str, Any]) -> Iterator[Tuple[str, bool]]:
    """Pairs of a figure's name and whether its value is valid."""
    yield "machine", isinstance(result["machine"], dict)
    yield "settings", isinstance(result["settings"], dict)
    yield "engine", isinstance(result["engine"], dict)
    yield "measurements", len(result["measurements"]) > 0
    for measurement in result["measurements"]:
        latency, energy, samples = measurement["latency_ms"], measurement["energy"], measurement["samples_ms"]
        yield "precision", isinstance(measurement["precision"], str)
        for name in ("batch", "throughput_images_per_s", "bytes"):
            yield name, _positive(measurement.get(name))
        yield "latency_ms.p50", isinstance(latency, dict) and _positive(latency.get("p50"))
        yield "samples_ms", isinstance(samples, list) and all(map(_positive, samples))
        yield (
            "energy",
            isinstance(energy, dict) and (energy.get("per_image_mj") is None or _positive(energy["per_image_mj"])),
        )
        yield "energy.images_per_joule_95", not isinstance(energy, dict) or _bounds(energy.get("images_per_joule_95"))
        yield (
            "accuracy_percent",
            measurement.get("accuracy_percent") in (None, 0) or _positive(measurement["accuracy_percent"]),
        )
        yield (
            "flags",
            isinstance(measurement["flags"], list) and all(isinstance(flag, str) for flag in measurement["flags"]),
        )


def _positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


def _bounds(value: Any) -> bool:
    return value is None or (isinstance(value, list) and len(value) == 2 and all(map(_positive, value)))
