"""Profiles as plain text: the slowest cluster groups, then what lies beside them."""

from typing import Any, Dict, List

from edgesynth.text_table import TextTable

_SHOWN = 10


def profile_lines(title: str, profile: Dict[str, Any]) -> List[str]:
    """The table of a profile.

    Args:
        title: what was run.
        profile: from `profile.joined`.

    Returns:
        Lines: the groups, slowest first, else the layers where no groups are known; then a line on the sum.
    """
    what, rows = ("group", _groups(profile)) if profile["groups"] else ("layer", _layers(profile))
    table = TextTable(what, "ms", "% of layers", "channels", "can be cut", right=("ms", "% of layers", "channels"))
    for row in rows[:_SHOWN]:
        table.add_row(*row)
    lines = ["layers of {} (median of {} runs):".format(title, profile["runs"])] + table.lines()
    if len(rows) > _SHOWN:
        lines.append("and {} more, see `profile` of the result".format(len(rows) - _SHOWN))
    beside = "its file names no groups"
    if profile["groups"]:
        beside = "{:.3f} ms of them beside the groups".format(profile["beside_ms"])
    lines.append("all layers: {:.3f} ms, {}; a sum of single layers is no latency".format(profile["total_ms"], beside))
    return lines


def _groups(profile: Dict[str, Any]) -> List[List[str]]:
    return [
        [
            group["name"],
            "{:.4f}".format(group["ms"]),
            "{:.1f}".format(100 * group["share"]),
            "-" if group["clusters"] is None else str(group["clusters"]),
            {True: "yes", False: "no", None: "-"}[group["removable"]],
        ]
        for group in profile["groups"]
    ]


def _layers(profile: Dict[str, Any]) -> List[List[str]]:
    total_ms = profile["total_ms"] or 1.0
    return [
        [
            ", ".join(layer["layers"]) or layer["name"],
            "{:.4f}".format(layer["ms"]),
            "{:.1f}".format(100 * layer["ms"] / total_ms),
            "-",
            "-",
        ]
        for layer in sorted(profile["layers"], key=lambda layer: -layer["ms"])
    ]
