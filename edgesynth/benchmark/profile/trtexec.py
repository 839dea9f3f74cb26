"""What trtexec writes: `--exportProfile` (the time of each layer) and `--exportTimes` (the parts of each inference).

Both are lists of objects, of TensorRT 8.2 as of 10 (https://github.com/NVIDIA/TensorRT, samples/common/
sampleReporting.cpp); 8.2 has no medians and adds `endToEndMs`.
"""

from typing import Any, Dict, List, NamedTuple

from edgesynth.errors import UserError

_AGAIN = "run trtexec again with --exportProfile or --exportTimes"


class Exported(NamedTuple):
    """Layers, or parts of inferences; the other is empty.

    Attributes:
        runs: how many were seen.
        layers_ms: {layer: its median, or mean where there is none}, ms.
        phases_ms: {`copy_in`, `compute`, `copy_out`, `enqueue`, `latency`: of each inference}, ms.
    """

    runs: int
    layers_ms: Dict[str, float]
    phases_ms: Dict[str, List[float]]


def is_trtexec(document: Any) -> bool:
    """Whether a JSON document may be of trtexec."""
    return isinstance(document, list)


def read_exported(document: Any, path: str) -> Exported:
    """Read a document.

    Args:
        document: of a JSON file.
        path: of the file, for refusals.

    Raises:
        UserError: trtexec writes no such thing.
    """
    try:
        if "count" in document[0]:
            return _profile(document)
        return _times(document)
    except (LookupError, TypeError, ValueError) as error:
        why = "it is empty" if not document else "{}: {}".format(type(error).__name__, error)
        raise UserError("{} is no profile and no times of trtexec ({}); {}".format(path, why, _AGAIN)) from None


def _profile(document: List[Dict[str, Any]]) -> Exported:
    layers_ms: Dict[str, float] = {}
    for entry in document[1:]:
        ms = _number(entry["medianMs"] if "medianMs" in entry else entry["averageMs"])
        layers_ms[str(entry["name"])] = layers_ms.get(str(entry["name"]), 0.0) + ms
    if not layers_ms:
        raise ValueError("it has no layers")
    return Exported(int(document[0]["count"]), layers_ms, {})


def _times(document: List[Dict[str, Any]]) -> Exported:
    phases_ms: Dict[str, List[float]] = {}
    for entry in document:
        spans = {
            "copy_in": entry["h2dMs"],
            "compute": entry["computeMs"],
            "copy_out": entry["d2hMs"],
            "enqueue": _number(entry["endEnqMs"]) - _number(entry["startEnqMs"]),
            "latency": entry["latencyMs"],
        }
        for name, ms in spans.items():
            phases_ms.setdefault(name, []).append(_number(ms))
    return Exported(len(document), {}, phases_ms)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise ValueError("{!r} is no time".format(value))
    return float(value)
