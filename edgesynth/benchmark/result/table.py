"""Results as plain text: one line per configuration or hop, then notes."""

from typing import Any, Dict, List

from edgesynth.benchmark.engines.ways import PINNED
from edgesynth.benchmark.profile.summary import profile_lines
from edgesynth.benchmark.result.build_notes import notes_of_build
from edgesynth.benchmark.result.energy_lines import energy_lines, interval_of
from edgesynth.benchmark.result.flags import is_invalid
from edgesynth.benchmark.result.hops_table import HopRow, hops_table, or_dash
from edgesynth.benchmark.result.result import metric_of
from edgesynth.benchmark.timing import scenarios
from edgesynth.benchmark.verify.verification import Verification
from edgesynth.text_table import TextTable

_COLUMNS = (
    "precision",
    "batch",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "images/s",
    "CoV %",
    "x fp32",
    "{metric} %",
    "KiB",
    "energy",
)


def format_table(result: Dict[str, Any]) -> List[str]:
    """The table of a result.

    Args:
        result: from `run.measure`.

    Returns:
        Lines.
    """
    measurements, metric = result["measurements"], metric_of(result)
    headings = [column.format(metric=metric) for column in _COLUMNS]
    table = TextTable(*headings, right=headings)
    for measurement in measurements:
        table.add_row(*_row(measurement))
    lines = table.lines()
    lines += _answers(measurements)
    lines += energy_lines(measurements, result.get("power", {}).get("part_of", {}))
    reasons = [
        "energy not measured: {}".format(measurement["energy"]["reason"])
        for measurement in measurements
        if _unread(measurement)
    ]
    reasons += [
        "{} not measured: {}".format(metric, measurement["accuracy_reason"])
        for measurement in measurements
        if measurement["accuracy_reason"]
    ]
    reasons += ["not measured: {}".format(line) for line in result.get("left_out", [])]
    reasons += ["not watched: {}".format(line) for line in result.get("conditions", {}).get("unseen", [])]
    return lines + _built(measurements) + _profiles(measurements) + _unique(reasons) + flag_lines(measurements)


def format_hops(verification: Verification) -> List[str]:
    """The lines of a verification's table."""
    rows = [
        HopRow(
            hop.hop,
            "export",
            hop.figures.max_abs,
            hop.figures.max_rel,
            hop.figures.accuracy_percent,
            hop.change_points,
            hop.why is None,
        )
        for hop in verification.hops
    ]
    lines = hops_table(verification.target.samples.metric, rows).lines()
    lines += ["bad: {} ({}): {}".format(hop.hop, hop.file, hop.why) for hop in verification.bad]
    lines += [
        "not exact here: {} ({}): {}".format(hop.hop, hop.file, hop.inexact) for hop in verification.hops if hop.inexact
    ]
    if verification.layer is not None:
        lines.append("first bad layer of {}: {}".format(verification.hops[0].file, verification.layer))
    return lines


def _row(measurement: Dict[str, Any]) -> List[str]:
    latency = measurement["latency_ms"]
    energy = (
        "not measured"
        if _unread(measurement)
        else "{per_image_mj:.3f} mJ, {images_per_joule:.1f} images/J".format(**measurement["energy"])
        + interval_of(measurement["energy"])
    )
    return [
        measurement["precision"],
        str(measurement["batch"]),
        "{:.3f}".format(latency["p50"]),
        "{:.3f}".format(latency["p90"]),
        "{:.3f}".format(latency["p99"]),
        "{:.1f}".format(measurement["throughput_images_per_s"]),
        "{:.1f}".format(100 * latency["cov"]),
        or_dash("{:.2f}", measurement["speedup_vs_fp32"]),
        or_dash("{:.2f}", measurement["accuracy_percent"]),
        "{:.1f}".format(measurement["bytes"] / 1024.0),
        energy,
    ]


def _answers(measurements: List[Dict[str, Any]]) -> List[str]:
    """What answers the scenario's question, where it is not a plain run."""
    lines = []
    for measurement in measurements:
        figures = measurement.get("scenario")
        if figures is not None:
            said = scenarios.find(figures["name"]).line(figures)
            lines.append("{} x{}, {}: {}".format(measurement["precision"], measurement["batch"], figures["name"], said))
    return lines


def _built(measurements: List[Dict[str, Any]]) -> List[str]:
    """What an engine built of each model, where it builds."""
    lines = []
    for measurement in measurements:
        built, compute_ms = measurement.get("built"), measurement.get("compute_ms")
        if built is None:
            continue
        parts = ["runs at {}".format(built["effective"] or "a precision that TensorRT does not tell")]
        if built.get("kept_in_fp32"):
            parts.append("{} layers kept in FP32".format(built["kept_in_fp32"]))
        if built.get("kept_floating"):
            parts.append("{} layers kept in floating point".format(built["kept_floating"]))
        if compute_ms is not None:
            parts.append(_phases(measurement.get("phases_ms") or {"compute": compute_ms}, built))
        parts.append(
            "{} in {:.1f} s".format("plan of an earlier build" if built["from_cache"] else "built", built["build_s"])
        )
        if built["not_kept"]:
            parts.append("plan not kept: {}".format(built["not_kept"]))
        lines.append(
            "{} x{} from {}: {}".format(
                measurement["precision"], measurement["batch"], built["source"], ", ".join(parts)
            )
        )
        lines += ["  {}".format(line) for line in notes_of_build(built)]
        if measurement.get("rebuilds") is not None:
            lines.append(_rebuilt(measurement))
    return lines


def _rebuilt(measurement: Dict[str, Any]) -> str:
    rebuilds = measurement["rebuilds"]
    if rebuilds["reason"] is not None:
        return "{} x{}: builds not compared: {}".format(
            measurement["precision"], measurement["batch"], rebuilds["reason"]
        )
    p50_ms = [build["p50_ms"] for build in rebuilds["builds"]]
    line = "{} x{}, {} builds: p50 {:.3f} to {:.3f} ms, builds differ by {:.1f} %".format(
        measurement["precision"],
        measurement["batch"],
        len(p50_ms),
        min(p50_ms),
        max(p50_ms),
        rebuilds["p50_std_percent"],
    )
    if rebuilds["images_per_joule_std_percent"] is not None:
        line += ", in images/J by {:.1f} %".format(rebuilds["images_per_joule_std_percent"])
    return line + " (standard deviation)"


def _phases(phases: Dict[str, Dict[str, float]], built: Dict[str, Any]) -> str:
    """Medians of the parts of a run, and how it was run where that is not the plain way."""
    words = {"copy_in": "copies in", "compute": "computes", "copy_out": "copies out", "enqueue": "enqueued"}
    spans = ["{} {:.3f} ms".format(word, phases[name]["p50"]) for name, word in words.items() if name in phases]
    ways = ["{} memory".format(built["memory"])] if built.get("memory", PINNED) != PINNED else []
    ways += ["as a CUDA graph"] if built.get("cuda_graph") else []
    ways += ["{} streams".format(built["streams"])] if built.get("streams", 1) > 1 else []
    return "{} (p50{})".format(", ".join(spans), "".join("; " + way for way in ways))


def _profiles(measurements: List[Dict[str, Any]]) -> List[str]:
    """The profile of each configuration that has one."""
    lines = []
    for measurement in measurements:
        if measurement.get("profile"):
            title = "{} x{}".format(measurement["precision"], measurement["batch"])
            lines += profile_lines(title, measurement["profile"])
    return lines


def _unread(measurement: Dict[str, Any]) -> bool:
    return measurement["energy"]["per_image_mj"] is None


def flag_lines(measurements: List[Dict[str, Any]]) -> List[str]:
    """Each flag once, with its configurations unless all have it; "invalid" if it makes a run invalid."""
    lines = []
    for flag in _unique([flag for measurement in measurements for flag in measurement["flags"]]):
        holders = [
            "{} x{}".format(measurement["precision"], measurement["batch"])
            for measurement in measurements
            if flag in measurement["flags"]
        ]
        where = "" if len(holders) == len(measurements) else "{}: ".format(", ".join(holders))
        lines.append("{}: {}{}".format("invalid" if is_invalid(flag) else "flag", where, flag))
    return lines


def _unique(lines: List[str]) -> List[str]:
    return sorted(set(lines), key=lines.index)
