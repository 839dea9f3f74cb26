"""The Pareto front with names: individuals to export, by accuracy and size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from edgesynth.report.lineage_table import Lineage, Row
from edgesynth.report.plots.drawing import BLUE, ORANGE, svg
from edgesynth.report.plots.trade_off import amount, axis, round_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN, HEIGHT_IN = 4.5, 2.9  # of a panel
CLOSE = 0.075  # share of the height that a name needs for itself


def front_plot(lineage: Lineage) -> Markup:
    """Plot the members of all fronts, the validation metric (percent) against each cost that is known (log axes)."""
    names = ", ".join(row.individual for row in lineage.fronts["synapses"])
    against = " and ".join(f"against {axis(lineage, cost)}" for cost in lineage.fronts)
    label = f"Pareto front of validation {lineage.metric} in percent {against}: {names}"
    return svg(lambda figure: _draw(figure, lineage), "front", label, WIDTH_IN * len(lineage.fronts), HEIGHT_IN)


def named(front: list[Row], best: str) -> list[Row]:
    """Individuals whose names do not overlap in the plot: the best, both ends, then the cheapest first."""
    values = [row.validation_percent for row in front]
    room = CLOSE * max(max(values, default=0.0) - min(values, default=0.0), 1e-9)
    chosen: list[Row] = []
    for row in [*(row for row in front if row.individual == best), *front[-1:], *front]:
        if all(abs(row.validation_percent - other.validation_percent) >= room for other in chosen):
            chosen.append(row)
    return [row for row in front if row in chosen]


def _draw(figure: Figure, lineage: Lineage) -> None:
    costs = list(lineage.fronts)
    panels = figure.subplots(1, len(costs), sharey=True)
    for axes, cost in zip(panels, costs, strict=True):
        _panel(axes, lineage, cost)
    panels[0].set_ylabel(f"validation {lineage.metric} (%)")


def _panel(axes: Axes, lineage: Lineage, cost: str) -> None:
    front = [row for row in lineage.fronts[cost] if amount(row, cost) > 0]
    costs, accuracies = [amount(row, cost) for row in front], [row.validation_percent for row in front]
    axes.set_xlabel(f"{axis(lineage, cost)} (log scale)")
    # Room on the right for the names, and for a front of one.
    round_ticks(axes, min(costs, default=1) / 1.4, max(costs, default=1) * 3)
    axes.margins(y=0.15)
    axes.step(costs, accuracies, where="post", color=ORANGE, linewidth=2, alpha=0.8)
    axes.plot(costs, accuracies, marker="o", linestyle="none", color=ORANGE)
    for row in named(front, lineage.tip.individual):
        best = row.individual == lineage.tip.individual
        color, weight = (BLUE, "bold") if best else ("#222222", "normal")
        at = (amount(row, cost), row.validation_percent)
        # Right below a front that rises to the right there is nothing.
        style = {"color": color, "fontweight": weight, "fontsize": 8.5}
        axes.annotate(row.individual, at, (5, -3), textcoords="offset points", va="top", **style)  # type: ignore[arg-type]
