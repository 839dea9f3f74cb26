"""Latencies as they were predicted and as they were measured, side by side, of every individual that was measured."""

from __future__ import annotations

from dataclasses import dataclass

from edgesynth.report.lineage_table import Lineage, Row

LATENCY = "latency_ms"  # as a budget is named


@dataclass(frozen=True)
class MeasuredRow:
    """One individual.

    Attributes:
        individual: its name.
        predicted_ms: latency by the run's table or cost model alone; None where nothing predicts it.
        correction_x: measured over predicted, of the generations before it; None for the ancestor.
        corrected_ms: what it was predicted to be measured at; None likewise.
        measured_ms: median.
        measured_95_ms: 95 % interval of the median.
        measured_over_predicted_x: the upper end of that interval, which counts for a budget, over `corrected_ms`; for
            the ancestor the median over `predicted_ms`.
    """

    individual: str
    predicted_ms: float | None
    correction_x: float | None
    corrected_ms: float | None
    measured_ms: float
    measured_95_ms: tuple[float, float]
    measured_over_predicted_x: float | None


def measured_rows(lineage: Lineage) -> list[MeasuredRow]:
    """A row for each individual that was measured, oldest first; empty where the run measures nothing."""
    return [_row(row) for row in lineage.rows if row.figures is not None]


def _row(row: Row) -> MeasuredRow:
    assert row.figures is not None
    figures = row.figures
    predicted_ms = None if row.predicted is None else row.predicted["latency_ms"]
    corrected_ms = row.foreseen.get(LATENCY)
    ratio = figures.latency_ms / predicted_ms if predicted_ms else None
    return MeasuredRow(
        individual=row.individual,
        predicted_ms=predicted_ms,
        # Without a prediction the factor is one of milliseconds for each MAC, which says nothing to a reader.
        correction_x=None if predicted_ms is None else row.correction.get(LATENCY),
        corrected_ms=corrected_ms,
        measured_ms=figures.latency_ms,
        measured_95_ms=figures.latency_ms_95,
        measured_over_predicted_x=figures.latency_ms_95[1] / corrected_ms if corrected_ms else ratio,
    )
