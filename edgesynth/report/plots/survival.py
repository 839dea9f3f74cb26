"""Survival: share of each layer's clusters and synapses that is alive, by generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from edgesynth.lineage import Record
from edgesynth.printable import printable
from edgesynth.report.formats import DASH, share
from edgesynth.report.lineage_table import Lineage
from edgesynth.report.plots.drawing import svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# More columns than this are thinned out, evenly.
MOST_COLUMNS = 16
_CELL_IN = (0.56, 0.27)


def columns(lineage: Lineage) -> list[str]:
    """Names of the individuals of the main line that are drawn: all, or evenly spaced ones with both ends."""
    names = [row.individual for row in lineage.line]
    if len(names) <= MOST_COLUMNS:
        return names
    last = len(names) - 1
    return [names[round(place * last / (MOST_COLUMNS - 1))] for place in range(MOST_COLUMNS)]


def shares_percent(lineage: Lineage, what: str) -> dict[str, list[float | None]]:
    """Share of each layer that is alive, one value for each of `columns`.

    Args:
        lineage: whose main line is read.
        what: `clusters` or `synapses`.

    Returns:
        {layer: shares (percent of the ancestor's)}, layers in the ancestor's order; None where an individual lacks it.
    """
    individuals = [lineage.records[name] for name in columns(lineage)]
    return {
        layer.name: [_percent(record, layer.name, what, getattr(layer, what)) for record in individuals]
        for layer in lineage.records[lineage.ancestor.individual].census.layers
    }


def dead_branches(lineage: Lineage) -> dict[str, list[str]]:
    """{individual of the main line: the branches that died with it}, of those that lost any."""
    line = [lineage.records[row.individual] for row in lineage.line]
    return {record.name: dead for record in line if (dead := record.synthesis.get("dead_branches"))}


def survival(lineage: Lineage, what: str) -> Markup:
    """Draw the shares as a heat map with its numbers."""
    shares = shares_percent(lineage, what)
    longest = max((len(printable(layer)) for layer in shares), default=0)
    width_in = 0.25 + 0.09 * longest + _CELL_IN[0] * max(len(columns(lineage)), 3)
    height_in = 0.75 + _CELL_IN[1] * len(shares)
    label = f"Share of {what} alive, in percent, by layer and individual of the main line"
    names = columns(lineage)
    return svg(lambda figure: _draw(figure, names, shares, what), f"survival-{what}", label, width_in, height_in)


def _percent(record: Record, layer: str, what: str, ancestor: int) -> float | None:
    own = [getattr(each, what) for each in record.census.layers if each.name == layer]
    return 100 * own[0] / ancestor if own and ancestor else None


def _draw(figure: Figure, names: list[str], shares: dict[str, list[float | None]], what: str) -> None:
    import numpy as np
    from matplotlib.colors import PowerNorm

    axes = figure.subplots()
    values = np.array([[np.nan if value is None else value for value in row] for row in shares.values()], dtype=float)
    values = values.reshape(len(shares), len(names))
    # The root spreads the small shares, where an evolved network lives.
    norm = PowerNorm(0.5, 0, 100)
    axes.pcolormesh(np.ma.masked_invalid(values), cmap="Blues", norm=norm, edgecolors="white", linewidth=1)
    axes.invert_yaxis()
    axes.grid(False)
    axes.set_title(f"{what} alive (%)", fontsize=10, loc="left")
    axes.set_xticks(np.arange(len(names)) + 0.5, names, fontsize=7.5)
    axes.set_yticks(np.arange(len(shares)) + 0.5, list(map(printable, shares)), fontsize=8.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for row, cells in enumerate(shares.values()):
        for column, value in enumerate(cells):
            dark = value is not None and norm(value) > 0.55
            text = DASH if value is None else share(value)
            color = "white" if dark else "#222222"
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=8.5, color=color)
