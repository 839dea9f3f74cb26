"""The headline: the best individual against its ancestor, in six figures and those of its board.

A figure of the board is measured, with its interval, or predicted, with the error of the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgesynth.lineage import Figures
from edgesynth.report.benchmarks import Benchmarks, latencies_ms
from edgesynth.report.formats import count, milliseconds, percent, times
from edgesynth.report.lineage_table import Lineage

NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Figure:
    """One figure of the headline.

    Attributes:
        label: what it is.
        value: the figure with its unit, or `not measured`.
        detail: from what to what, or why it was not measured.
    """

    label: str
    value: str
    detail: str


def headline(lineage: Lineage, benchmarks: Benchmarks) -> list[Figure]:
    """The figures of a run's best individual against its ancestor."""
    first, best = lineage.ancestor, lineage.tip
    floor = f"; floor {percent(lineage.min_accuracy)} %" if lineage.min_accuracy is not None else ""
    return [
        Figure(
            "Synaptic efficiency",
            f"{times(best.synaptic_efficiency_x)} ×",
            f"{count(first.synapses)} → {count(best.synapses)} synapses",
        ),
        Figure(
            "Cluster efficiency",
            f"{times(best.cluster_efficiency_x)} ×",
            f"{count(first.clusters)} → {count(best.clusters)} clusters",
        ),
        Figure("MACs", f"{times(best.macs_fewer_x)} × fewer", f"{count(first.macs)} → {count(best.macs)} MACs"),
        Figure(
            f"Validation {lineage.metric}",
            f"{percent(best.validation_percent)} %",
            f"{percent(first.validation_percent)} → {percent(best.validation_percent)} %{floor}",
        ),
        _test(lineage),
        _latency(lineage, benchmarks),
        *_board_figures(lineage),
    ]


def _test(lineage: Lineage) -> Figure:
    first, best = lineage.ancestor, lineage.tip
    if best.test_percent is None:
        return Figure(f"Test {lineage.metric}", NOT_MEASURED, f"the test split was not read for {best.individual}")
    before = "ancestor not measured" if first.test_percent is None else f"{percent(first.test_percent)} %"
    after = percent(best.test_percent)
    first_figures = dict(first.extra_metrics)
    others = "".join(
        f"; {name} {first_figures[name]:.3f} → {value:.3f}"
        for name, value in best.extra_metrics
        if name in first_figures
    )
    return Figure(f"Test {lineage.metric}", f"{after} %", f"{before} → {after} %{others}")


def _latency(lineage: Lineage, benchmarks: Benchmarks) -> Figure:
    first, best = lineage.ancestor, lineage.tip
    if first is best:
        return Figure("Latency", NOT_MEASURED, f"{first.individual} is the ancestor: nothing to compare it with yet")
    pair, how = (first.latency_ms, best.latency_ms), "batch 1, timed by edgesynth evolve"
    if not all(pair):
        pair = latencies_ms(benchmarks, first.individual, best.individual) or (None, None)
        how = "median, fp32, two runs of edgesynth benchmark on the same machine"
    before_ms, after_ms = pair
    if not before_ms or not after_ms:
        why = f"no latency of both {first.individual} and {best.individual} that can be compared"
        return Figure("Latency", NOT_MEASURED, why)
    ratio = before_ms / after_ms
    value = f"{times(ratio)} × faster" if ratio >= 1 else f"{times(1 / ratio)} × slower"
    return Figure("Latency", value, f"{milliseconds(before_ms)} → {milliseconds(after_ms)} ms, {how}")


def _board_figures(lineage: Lineage) -> list[Figure]:
    """Figures of the best individual on the run's board; empty where the run has none."""
    first, best = lineage.ancestor, lineage.tip
    figures = [_measured(first.figures or best.figures, best.figures)] if best.figures else []
    return [*figures, *([_predicted(first.predicted or best.predicted, best.predicted)] if best.predicted else [])]


def _measured(first: Figures, best: Figures) -> Figure:
    value = f"{milliseconds(best.latency_ms)} ms"
    terms = f"{best.precision}, batch 1, 95 % intervals"
    return Figure(f"Measured on {best.measured_on}", value, f"{first.in_short()} → {best.in_short()}; {terms}")


def _predicted(first: dict[str, Any], best: dict[str, Any]) -> Figure:
    terms = f"{best['mode']}, {best['precision']}, batch {best['batch']}"
    change = f"{milliseconds(first['latency_ms'])} → {milliseconds(best['latency_ms'])} ms {_error(best['error'])}"
    if best["images_per_joule"] is not None:
        before, after = first["images_per_joule"], best["images_per_joule"]
        change += f", {before:.3g} → {after:.3g} images/J {_error(best['energy_error'])} (processor and memory)"
    value = f"{milliseconds(best['latency_ms'])} ms"
    return Figure(f"Predicted on {best['board']}", value, f"{change}; {terms}; by the cost model, not measured")


def _error(error: float | None) -> str:
    """The model's median error on published figures that were not fitted."""
    return "(error unknown)" if error is None else f"± {100 * error:.0f} %"
