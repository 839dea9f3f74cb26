"""The trade-off: the validation metric of all individuals against their cost, with the Pareto front."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from markupsafe import Markup

from edgesynth.report.formats import percent
from edgesynth.report.lineage_table import Lineage, Row
from edgesynth.report.plots.drawing import BLUE, GRAY, GREEN, ORANGE, VERMILLION, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COSTS = {"synapses": "synapses", "macs": "MACs", "latency_ms": "latency, ms"}
WIDTH_IN, HEIGHT_IN = 5.2, 4.3


def trade_off(lineage: Lineage, cost: str) -> Markup:
    """Plot the validation metric (percent) against a cost (log axis).

    Args:
        lineage: whose individuals are drawn.
        cost: a key of `COSTS`.
    """
    label = f"Validation {lineage.metric} in percent against {axis(lineage, cost)} of {len(lineage.rows)} individuals"
    return svg(lambda figure: _draw(figure, lineage, cost), f"trade-off-{cost}", label, WIDTH_IN, HEIGHT_IN)


def amount(row: Row, cost: str) -> float:
    """What an individual costs, by a key of `COSTS`; 0 where that is not known."""
    # A row's `latency_ms` is a quick look at a few individuals on the machine that bred them.
    return (row.aimed_latency_ms or 0.0) if cost == "latency_ms" else getattr(row, cost)


def axis(lineage: Lineage, cost: str) -> str:
    """What stands on the axis of a cost."""
    if cost != "latency_ms":
        return COSTS[cost]
    return f"{'measured' if any(row.figures for row in lineage.rows) else 'predicted'} {COSTS[cost]}"


def shown_range(lineage: Lineage) -> tuple[float, float]:
    """Range of the metric's axis (percent): main line and floor are within it, offspring far below are not."""
    values = [row.validation_percent for row in lineage.line if math.isfinite(row.validation_percent)]
    values += [] if lineage.min_accuracy is None else [lineage.min_accuracy]
    others = [row.validation_percent for row in lineage.rows if math.isfinite(row.validation_percent)]
    low, high = min(values, default=min(others, default=0.0)), max([*values, *others], default=100.0)
    room = max(high - low, 1.0)
    low = min([low, *(value for value in others if value >= low - room)])
    return low - 0.12 * room, high + 0.12 * room


def below_range(lineage: Lineage) -> list[Row]:
    """Individuals that are less accurate than the axis shows."""
    low, _ = shown_range(lineage)
    return [row for row in lineage.rows if row.validation_percent < low]


def ticks(least: float, most: float) -> list[float]:
    """Round numbers from `least` to `most`: three to about seven of them, evenly spread on a log axis."""
    decades = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    values: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        values = [step * 10.0**decade for decade in decades for step in steps if least <= step * 10.0**decade <= most]
        if len(values) >= 3:
            break
    return values[:: math.ceil(len(values) / 7)] if values else [least, most]


def round_ticks(axes: Axes, least: float, most: float) -> None:
    """Give axes a logarithmic x from `least` to `most`, with `ticks` and no others."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    axes.set_xscale("log")
    axes.set_xlim(least, most)
    axes.xaxis.set_major_locator(FixedLocator(ticks(least, most)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _rounded(value)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _draw(figure: Figure, lineage: Lineage, cost: str) -> None:
    axes = figure.subplots()
    rows = [row for row in lineage.rows if amount(row, cost) > 0 and math.isfinite(row.validation_percent)]
    costs = [amount(row, cost) for row in rows]
    least, most = min(costs, default=1) / 1.6, max(costs, default=1) * 1.6
    low, high = shown_range(lineage)
    round_ticks(axes, least, most)
    axes.set_ylim(low, high)
    axes.set_xlabel(f"{axis(lineage, cost)} (log scale)")
    axes.set_ylabel(f"validation {lineage.metric} (%)")
    _front(axes, lineage, cost, most)
    _floor(axes, lineage)
    _individuals(axes, lineage, rows, cost, low)
    figure.legend(loc="outside lower center", ncols=2)


def _front(axes: Axes, lineage: Lineage, cost: str, most: float) -> None:
    front = [(amount(row, cost), row.validation_percent) for row in lineage.fronts[cost] if amount(row, cost) > 0]
    if front:
        # Whoever may spend more has at least the accuracy of whoever spends less: the step goes on to the right.
        x, y = zip(*front, (most, front[-1][1]), strict=True)
        axes.step(x, y, where="post", color=ORANGE, linewidth=2.5, alpha=0.8, label="Pareto front")


def _floor(axes: Axes, lineage: Lineage) -> None:
    if lineage.min_accuracy is not None:
        label = f"{lineage.metric} floor, {percent(lineage.min_accuracy)} %"
        axes.axhline(lineage.min_accuracy, color=GRAY, linestyle="--", linewidth=1.2, label=label)


def _individuals(axes: Axes, lineage: Lineage, rows: list[Row], cost: str, low: float) -> None:
    def scatter(chosen: list[Row], label: str, **style: object) -> None:
        if chosen:
            x, y = [amount(row, cost) for row in chosen], [row.validation_percent for row in chosen]
            axes.plot(x, y, label=label, **{"linestyle": "none", "markersize": 6, **style})  # type: ignore[arg-type]

    line = [row for row in lineage.line if row in rows]
    shown = [row for row in rows if not row.on_main_line and row.validation_percent >= low]
    siblings = [row for row in shown if not row.proxy]
    scatter([row for row in siblings if row.feasible], "sibling", marker="o", color=GREEN, markerfacecolor="none")
    scatter([row for row in siblings if not row.feasible], "sibling below the floor", marker="x", color=VERMILLION)
    scatter([row for row in shown if row.proxy], "short nurture only", marker="+", color=GRAY)
    scatter(line, "main line", marker="o", color=BLUE, linestyle="-", linewidth=1.5, markersize=7)
    hidden = [row for row in rows if row.validation_percent < low]
    if hidden:
        x = [amount(row, cost) for row in hidden]
        y = [0.03] * len(x)
        style = {"marker": "v", "color": VERMILLION, "linestyle": "none", "markersize": 6}
        axes.plot(x, y, transform=axes.get_xaxis_transform(), label="far below this range", **style)  # type: ignore[arg-type]
    _names(axes, line, cost)


def _names(axes: Axes, line: list[Row], cost: str) -> None:
    """Write the generation next to its point, where the last written one is far enough away."""
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    written: list[tuple[float, float]] = []
    # Both ends first: they matter most.
    for row in [*line[-1:], *line[:1], *line[1:-1]]:
        x = math.log(amount(row, cost) / left) / math.log(right / left)
        y = (row.validation_percent - low) / (high - low)
        if all(abs(x - other) > 0.065 or abs(y - at) > 0.08 for other, at in written):
            written.append((x, y))
            at = (amount(row, cost), row.validation_percent)
            text = f"g{row.generation}"
            axes.annotate(text, at, (0, 7), textcoords="offset points", ha="center", fontsize=9, color=BLUE, zorder=5)


def _rounded(value: float) -> str:
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g} {letter}"
    return f"{value:g}"
