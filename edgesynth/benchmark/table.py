"""A result as plain text: one line per configuration, then what must be known before believing it."""

from typing import Any, Dict, List

_COLUMNS = (
    "precision",
    "batch",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "images/s",
    "CoV %",
    "x fp32",
    "accuracy %",
    "KiB",
    "energy",
)


def format_table(result: Dict[str, Any]) -> str:
    """The table of a result.

    Args:
        result: from `run.measure`.

    Returns:
        Lines without a trailing newline.
    """
    measurements = result["measurements"]
    rows = [list(_COLUMNS)] + [_row(one) for one in measurements]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in rows]
    reasons = ["energy not measured: {}".format(one["energy"]["reason"]) for one in measurements if _unread(one)]
    reasons += [
        "accuracy not measured: {}".format(one["accuracy_reason"]) for one in measurements if one["accuracy_reason"]
    ]
    return "\n".join(lines + _unique(reasons) + _flags(measurements))


def _row(one: Dict[str, Any]) -> List[str]:
    latency = one["latency_ms"]
    energy = (
        "not measured"
        if _unread(one)
        else "{per_image_mj:.3f} mJ, {images_per_joule:.1f} images/J".format(**one["energy"])
    )
    return [
        one["precision"],
        str(one["batch"]),
        "{:.3f}".format(latency["p50"]),
        "{:.3f}".format(latency["p90"]),
        "{:.3f}".format(latency["p99"]),
        "{:.1f}".format(one["throughput_images_per_s"]),
        "{:.1f}".format(100 * latency["cov"]),
        _or_dash("{:.2f}", one["speedup_vs_fp32"]),
        _or_dash("{:.2f}", one["accuracy_percent"]),
        "{:.1f}".format(one["bytes"] / 1024.0),
        energy,
    ]


def _unread(one: Dict[str, Any]) -> bool:
    return one["energy"]["per_image_mj"] is None


def _or_dash(form: str, value: Any) -> str:
    return "-" if value is None else form.format(value)


def _flags(measurements: List[Dict[str, Any]]) -> List[str]:
    """Each flag once, with the configurations that it stands for unless that is all of them."""
    lines = []
    for flag in _unique([flag for one in measurements for flag in one["flags"]]):
        holders = ["{} x{}".format(one["precision"], one["batch"]) for one in measurements if flag in one["flags"]]
        where = "" if len(holders) == len(measurements) else "{}: ".format(", ".join(holders))
        lines.append("flag: {}{}".format(where, flag))
    return lines


def _unique(lines: List[str]) -> List[str]:
    return sorted(set(lines), key=lines.index)
