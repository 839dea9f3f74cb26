"""Summary of a finished probe of a grid."""

from typing import Any, Dict, List

from edgesynth.benchmark.probe.grid.measuring import Measured
from edgesynth.boards.probed.grid import kind_name


def format_grid_summary(measured: Measured) -> List[str]:
    """A line for each shape of layer and each kind of operators beside the layers, and what is left to measure."""
    lines = []
    for shape, points in measured.grid.layers.items():
        inputs, outputs = zip(*points)
        lines.append(
            "{}: {} places, inputs {} to {}, outputs {} to {}, {:.4g} to {:.4g} ms".format(
                kind_name(shape), len(points), min(inputs), max(inputs), min(outputs), max(outputs),
                min(points.values()), max(points.values()),
            )
        )  # fmt: skip
    for op, beside in sorted(measured.grid.beside.items()):
        lines.append(
            "{}: {} to {} elements, {:.4g} to {:.4g} ms".format(
                op, min(beside), max(beside), min(beside.values()), max(beside.values())
            )
        )
    lines.append(
        "{} of {} places measured now in {:.1f} s, {} known before".format(
            measured.new, measured.wanted, measured.duration_s, measured.wanted - measured.new - measured.left
        )
    )
    if measured.left:
        lines.append("{} places are left; the same command goes on".format(measured.left))
    return lines


def grid_summary_json(measured: Measured) -> Dict[str, Any]:
    """The same facts as plain values."""
    return {
        "table": measured.path,
        "measured_widths": measured.wanted - measured.left,
        "wanted_widths": measured.wanted,
        "new_widths": measured.new,
        "duration_s": round(measured.duration_s, 3),
        "call_ms": measured.grid.call_ms,
        "loads": measured.grid.facts["loads"],
        "flags": measured.grid.facts["flags"],
        "layers": [
            {
                "shape": shape.to_json(),
                "layer": kind_name(shape),
                "points": [[i, o, ms] for (i, o), ms in sorted(points.items())],
            }
            for shape, points in measured.grid.layers.items()
        ],
        "beside": {
            op: [[elements, ms] for elements, ms in sorted(points.items())]
            for op, points in measured.grid.beside.items()
        },
    }
