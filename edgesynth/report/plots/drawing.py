"""Drawing: a matplotlib figure as SVG text that can stand in an HTML page, the same bytes every time.

No pyplot and no state that outlives a figure. Text stays text: it can be searched and read aloud.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart with any color vision, and in gray by the markers.
BLUE, SKY, GREEN, ORANGE, VERMILLION, GRAY = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#666666"

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "edgesynth",
    # Names may hold a dollar sign, which is no formula.
    "text.parse_math": False,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "legend.fontsize": 9,
}


def svg(draw: Callable[[Figure], Any], name: str, label: str, width_in: float, height_in: float) -> Markup:
    """Draw a figure.

    Args:
        draw: puts its axes on the figure.
        name: prefix of every id in the SVG, so that two figures on a page do not share one.
        label: what a screen reader says in its place.
        width_in: natural width (inch).
        height_in: natural height (inch).

    Returns:
        One `<svg>` element.
    """
    import matplotlib.style
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # From the defaults and not from the reader's own matplotlibrc: a report looks alike everywhere.
    with matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        # Text stays text, and the reader's own fonts show what matplotlib's has no glyph for.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = stream.getvalue()
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text[text.index("<svg") :])
    return Markup(text.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1))
