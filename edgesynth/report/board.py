"""The board's figures in the headline: measured with their interval, and predicted with the error of the model."""

from __future__ import annotations

from typing import Any

from edgesynth.lineage import Figures
from edgesynth.report.formats import milliseconds
from edgesynth.report.headline_figure import Figure
from edgesynth.report.lineage_table import Lineage


def board_figures(lineage: Lineage) -> list[Figure]:
    """What is known of the best individual on the run's board; empty where the run has none."""
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
