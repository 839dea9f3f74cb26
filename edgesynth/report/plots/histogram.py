"""The latency histogram: raw samples of one precision, with the percentiles that stand in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from edgesynth.report.benchmarks import BenchmarkedBundle, Measurement
from edgesynth.report.formats import milliseconds
from edgesynth.report.plots.drawing import BLUE, GREEN, SKY, VERMILLION, svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 40
WIDTH_IN, HEIGHT_IN = 5.2, 2.6
# Precisions whose latencies lie further apart than this do not share an axis: the faster would be one bar.
MOST_APART = 8


def shared_range_ms(bundle: BenchmarkedBundle) -> tuple[float, float] | None:
    """Axis (ms) on which all precisions of a bundle can be compared; None where they lie too far apart."""
    ranges = [_range_ms(measured) for measured in bundle.first_batch if measured.samples_ms]
    if not ranges:
        return None
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    return (low, high) if high <= MOST_APART * low else None


def histogram(measured: Measurement, individual: str, name: str, range_ms: tuple[float, float] | None = None) -> Markup:
    """Draw the latencies of one measurement.

    Args:
        measured: with raw samples.
        individual: what was measured.
        name: prefix of the ids in the SVG.
        range_ms: of the axis; its own by default.
    """
    series = f"{individual}, {measured.precision}, batch {measured.batch}"
    label = f"Histogram of {len(measured.samples_ms)} latencies of {series}"
    return svg(lambda figure: _draw(figure, measured, individual, range_ms), name, label, WIDTH_IN, HEIGHT_IN)


def _range_ms(measured: Measurement) -> tuple[float, float]:
    """From the fastest to a little above p99: one call that the system interrupted must not flatten the rest."""
    shown_ms = 1.5 * measured.p99_ms - 0.5 * measured.p50_ms
    low, high = min(measured.samples_ms), min(max(measured.samples_ms), shown_ms)
    room = 0.05 * max(high - low, 0.02 * high)
    return max(low - room, 0.0), high + room


def _draw(figure: Figure, measured: Measurement, individual: str, range_ms: tuple[float, float] | None) -> None:
    axes = figure.subplots()
    low, high = range_ms or _range_ms(measured)
    axes.hist(measured.samples_ms, bins=BINS, range=_range_ms(measured), color=SKY)
    marks = (
        ("p50", measured.p50_ms, BLUE, "-"),
        ("p90", measured.p90_ms, GREEN, "--"),
        ("p99", measured.p99_ms, VERMILLION, ":"),
    )
    for name, value, color, style in marks:
        label = f"{name} {milliseconds(value)} ms"
        axes.axvline(value, color=color, linestyle=style, linewidth=1.8, label=label)
    axes.set_xlim(low, high)
    drawn_ms = _range_ms(measured)[1]
    beyond = sum(value > drawn_ms for value in measured.samples_ms)
    not_drawn = f"; not drawn: {beyond} slower, up to {milliseconds(max(measured.samples_ms))} ms" if beyond else ""
    axes.set_xlabel(f"latency (ms){not_drawn}")
    axes.set_ylabel("inferences")
    axes.set_title(f"{individual}, {measured.precision}, batch {measured.batch}", fontsize=10, loc="left")
    figure.legend(loc="outside lower center", ncols=3)
