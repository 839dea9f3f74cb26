"""The summary that a probe prints."""

from typing import Any, Dict, List

from edgesynth.benchmark.probe.probing import Probed


def format_summary(probed: Probed) -> List[str]:
    """A line for each shape, and what is left to measure."""
    lines = []
    for stairs in probed.table.staircases.values():
        if stairs.steps:
            lines.append(
                "{}: widths {} to {} in {:.4g} to {:.4g} ms; worth landing on: {}".format(
                    stairs.shape,
                    stairs.steps[0].width,
                    stairs.steps[-1].width,
                    stairs.steps[0].ms,
                    stairs.steps[-1].ms,
                    ", ".join(map(str, stairs.right_edges())),
                )
            )
    if probed.done < probed.wanted:
        lines.append("{} of {} widths measured; the same command continues".format(probed.done, probed.wanted))
    else:
        lines.append("all {} widths measured".format(probed.wanted))
    return lines


def summary_json(path: str, probed: Probed) -> Dict[str, Any]:
    """The same facts as plain values.

    Args:
        path: of the table.
        probed: what came of the probe.
    """
    measured = [stairs for stairs in probed.table.staircases.values() if stairs.steps]
    return {
        "table": path,
        "measured_widths": probed.done,
        "wanted_widths": probed.wanted,
        "staircases": [
            dict(stairs.to_json(), layer=str(stairs.shape), landing_widths=stairs.right_edges()) for stairs in measured
        ],
    }
