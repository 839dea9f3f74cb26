"""The latency histogram: raw samples of one precision, with the percentiles that stand in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from edgesynth.report.benchmarks import BenchmarkedBundle, Measurement
from edgesynth.report.drawing import BLUE, GREEN, SKY, VERMILLION, svg
from edgesynth.report.formats import milliseconds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 40
WIDTH_IN, HEIGHT_IN = 5.2, 2.6
# Precisions whose latencies lie further apart than this do not share an axis: the faster would be one bar.
MOST_APART = 8


def shared_range_ms(bundle: BenchmarkedBundle) -> tuple[float, float] | None:
    """Axis (ms) on which all precisions of a bundle can be compared; None where they lie too far apart."""
    ranges = [_range_ms(one) for one in bundle.first_batch if one.samples_ms]
    if not ranges:
        return None
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    return (low, high) if high <= MOST_APART * low else None


def histogram(one: Measurement, individual: str, name: str, range_ms: tuple[float, float] | None = None) -> Markup:
    """Draw the latencies of one measurement.

    Args:
        one: with raw samples.
        individual: what was measured.
        name: prefix of the ids in the SVG.
        range_ms: of the axis; its own by default.
    """
    label = f"Histogram of {len(one.samples_ms)} latencies of {individual}, {one.precision}, batch {one.batch}"
    return svg(lambda figure: _draw(figure, one, individual, range_ms), name, label, WIDTH_IN, HEIGHT_IN)


def _range_ms(one: Measurement) -> tuple[float, float]:
    """From the fastest to a little above p99: one call that the system interrupted must not flatten the rest."""
    low, high = min(one.samples_ms), min(max(one.samples_ms), 1.5 * one.p99_ms - 0.5 * one.p50_ms)
    room = 0.05 * max(high - low, 0.02 * high)
    return max(low - room, 0.0), high + room


def _draw(figure: Figure, one: Measurement, individual: str, range_ms: tuple[float, float] | None) -> None:
    axes = figure.subplots()
    low, high = range_ms or _range_ms(one)
    axes.hist(one.samples_ms, bins=BINS, range=_range_ms(one), color=SKY)
    marks = (("p50", one.p50_ms, BLUE, "-"), ("p90", one.p90_ms, GREEN, "--"), ("p99", one.p99_ms, VERMILLION, ":"))
    for name, value, color, style in marks:
        label = f"{name} {milliseconds(value)} ms"
        axes.axvline(value, color=color, linestyle=style, linewidth=1.8, label=label)
    axes.set_xlim(low, high)
    drawn_ms = _range_ms(one)[1]
    beyond = sum(value > drawn_ms for value in one.samples_ms)
    not_drawn = f"; not drawn: {beyond} slower, up to {milliseconds(max(one.samples_ms))} ms" if beyond else ""
    axes.set_xlabel(f"latency (ms){not_drawn}")
    axes.set_ylabel("inferences")
    axes.set_title(f"{individual}, {one.precision}, batch {one.batch}", fontsize=10, loc="left")
    figure.legend(loc="outside lower center", ncols=3)
