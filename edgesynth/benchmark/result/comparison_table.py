"""Comparisons as plain text: the reference, each result below it, then notes."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

from edgesynth.benchmark.result.comparison import Change, Comparison
from edgesynth.benchmark.result.flags import is_invalid
from edgesynth.benchmark.result.result import metric_of
from edgesynth.benchmark.result.result_reader import Named
from edgesynth.benchmark.result.table import flag_lines
from edgesynth.text_table import TextTable

_COLUMNS = (
    "result",
    "precision",
    "batch",
    "p50 ms",
    "faster x",
    "95 % interval",
    "images/s x",
    "images/J x",
    "95 % interval",
    "{metric} points",
    "smaller x",
)


def format_comparisons(reference: Named, others: Sequence[Named], comparisons: Sequence[Comparison]) -> List[str]:
    """The table of comparisons with one reference; every "x" is above 1 where it is better than the reference.

    Args:
        reference: what the others were compared with.
        others: the results that were compared, in the order of `comparisons`.
        comparisons: from `comparison.compare`.

    Returns:
        Lines.
    """
    headings = [column.format(metric=metric_of(reference.result)) for column in _COLUMNS]
    table = TextTable(*headings, right=headings[2:])
    for measurement in reference.result["measurements"]:
        own = [
            reference.path,
            measurement["precision"],
            str(measurement["batch"]),
            "{:.3f}".format(measurement["latency_ms"]["p50"]),
        ]
        table.add_row(*own, *["-"] * (len(_COLUMNS) - len(own)))
    notes = []
    for comparison in comparisons:
        for change in comparison.changes:
            table.add_row(*_row(comparison.path, change))
        notes += ["not alike: {}: {}".format(comparison.path, line) for line in comparison.differences]
        notes += ["not compared: {}".format(line) for line in comparison.left_out]
        notes += sorted(
            {
                "energy not compared: {}: {}".format(comparison.path, change.energy_reason)
                for change in comparison.changes
                if change.energy_reason
            }
        )
    for path, result in (reference, *others):
        notes += ["{}: {}".format(path, line) for line in flag_lines(result["measurements"])]
        if any(is_invalid(flag) for measurement in result["measurements"] for flag in measurement["flags"]):
            notes.append("warning: {} holds runs that are not valid; measure it again before believing it".format(path))
    if any(change.interval for comparison in comparisons for change in comparison.changes):
        notes.append("interval: of the noise within these runs; between two runs of one program there is more")
    return table.lines() + notes


def comparisons_json(reference: Named, others: Sequence[Named], comparisons: Sequence[Comparison]) -> Dict[str, Any]:
    """The same facts as plain values.

    Args:
        reference: see `format_comparisons`.
        others: likewise.
        comparisons: likewise.
    """
    return {
        "reference": reference.path,
        "metric": metric_of(reference.result),
        "comparisons": [comparison.to_json() for comparison in comparisons],
        "flags": {path: flag_lines(result["measurements"]) for path, result in (reference, *others)},
        "regressed": any(comparison.regressions for comparison in comparisons),
    }


def _row(path: str, change: Change) -> List[str]:
    batches = change.batches
    return [
        path,
        change.precision,
        str(batches[1]) if batches[0] == batches[1] else "{} (was {})".format(batches[1], batches[0]),
        "{:.3f}".format(change.p50_ms[1]),
        "{:.3f}".format(change.faster_x),
        _interval(change.interval),
        "{:.3f}".format(change.throughput_x),
        "-" if change.energy_x is None else "{:.3f}".format(change.energy_x),
        _interval(change.energy_interval),
        "-" if change.accuracy_points is None else "{:+.2f}".format(change.accuracy_points),
        "{:.2f}".format(change.size_x),
    ]


def _interval(bounds: Optional[Tuple[float, float]]) -> str:
    return "-" if bounds is None else "{:.3f} to {:.3f}".format(*bounds)
