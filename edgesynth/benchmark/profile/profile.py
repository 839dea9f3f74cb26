"""A profile: the median time of each layer of an engine, what it computes, and the sums by cluster group."""

from typing import Any, Dict, List, Mapping, Optional, Sequence

from edgesynth.benchmark.bundle.groups import Group
from edgesynth.benchmark.engines.engine import Engine
from edgesynth.benchmark.profile.joining import Joiner
from edgesynth.boards.detect import detect_board

# Of a layer whose channels are of several groups: its time is that of none of them alone.
TOGETHER = " and "


def profile_of(engine: Engine, path: str, groups: Sequence[Group]) -> Optional[Dict[str, Any]]:
    """The profile of a loaded model, if it is wanted: as `joined`, and `board`, its name in our table, null on a PC.

    Args:
        engine: holds the model; the last that is asked of it.
        path: the model's file.
        groups: cluster groups of its network.
    """
    times_ms = engine.layer_times_ms()
    if not times_ms:
        return None
    board = detect_board().board
    return dict(joined(times_ms, path, groups), board=board.name if board is not None else None)


def joined(times_ms: Mapping[str, Sequence[float]], path: str, groups: Sequence[Group]) -> Dict[str, Any]:
    """Put times and names together.

    Args:
        times_ms: {layer of the engine: its time in each run, ms}, at least one.
        path: the ONNX file that the engine was made of.
        groups: cluster groups of its network; none where they are not known.

    Returns:
        `runs`; `total_ms`, the sum of all layers; `layers` in the order of the engine, each with `name` (the
        engine's), `ms` (median), `spread_ms` (half of the distance between the quartiles), `nodes`, `layers` and
        `groups`, see `joining.Part`; `groups`, the slowest first, each with `name` (several joined by " and " where
        one layer of the engine makes channels of all of them), `ms`, `share` (of the total), `clusters` and
        `removable` (null of several groups); and `beside_ms`: the time of layers that are of no group.
    """
    joiner, by_name = Joiner(path, groups), {group.name: group for group in groups}
    layers: List[Dict[str, Any]] = []
    sums: Dict[str, float] = {}
    for name, spans_ms in times_ms.items():
        ascending = sorted(spans_ms)
        part = joiner.part(name)
        ms = _at(ascending, 2)
        layers.append(
            {
                "name": name,
                "ms": round(ms, 6),
                "spread_ms": round((_at(ascending, 3) - _at(ascending, 1)) / 2, 6),
                "nodes": list(part.nodes),
                "layers": list(part.layers),
                "groups": list(part.groups),
            }
        )
        label = TOGETHER.join(part.groups)
        sums[label] = sums.get(label, 0.0) + ms
    total_ms = sum(sums.values())
    beside_ms = sums.pop("", 0.0)
    return {
        "runs": max(map(len, times_ms.values())),
        "total_ms": round(total_ms, 6),
        "layers": layers,
        "groups": [
            {
                "name": name,
                "ms": round(ms, 6),
                "share": ms / total_ms if total_ms > 0 else 0.0,
                "clusters": by_name[name].clusters if name in by_name else None,
                "removable": by_name[name].removable if name in by_name else None,
            }
            for name, ms in sorted(sums.items(), key=lambda pair: -pair[1])
        ],
        "beside_ms": round(beside_ms, 6),
    }


def _at(ascending: Sequence[float], quarter: int) -> float:
    """The value at so many quarters, by nearest rank."""
    return ascending[(len(ascending) - 1) * quarter // 4]
