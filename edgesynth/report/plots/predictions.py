"""Predictions as a picture: each image with the truth, the ancestor's output and the offspring's.

What the picture shows is up to the kind of task (`edgesynth.tasks.task.presentation`); here it is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from edgesynth.lineage import Predictions
from edgesynth.report.plots.drawing import svg
from edgesynth.tasks.task.presentation import Outline, Picture, presentation_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_IN = 1.35
MARGIN_IN = 0.6  # for the titles of the rows, and for captions


def predictions_plot(predictions: Predictions, names: Sequence[str]) -> Markup | None:
    """The picture; None for outputs of a form that is not drawn.

    Args:
        predictions: the run's.
        names: of the classes.
    """
    picture = presentation_of(predictions.form).picture(predictions, names)
    if picture is None:
        return None
    ancestor, offspring = predictions.individuals
    label = f"Answers of {ancestor} and {offspring} to {len(predictions.images)} test images"
    captioned = any(panel.caption for row in picture.rows for panel in row.panels)
    width_in = PANEL_IN * len(predictions.images) + MARGIN_IN
    height_in = (PANEL_IN + MARGIN_IN * captioned) * len(picture.rows)
    return svg(lambda figure: _draw(figure, picture), "predictions", label, width_in, height_in)


def _draw(figure: Figure, picture: Picture) -> None:
    cells = figure.subplots(len(picture.rows), len(picture.rows[0].panels), squeeze=False)
    for row, line in zip(picture.rows, cells, strict=True):
        for panel, axes in zip(row.panels, line, strict=True):
            _show(axes, panel.image)
            _outline(axes, panel.image, panel.outlines)
            if panel.caption:
                axes.set_xlabel(panel.caption, fontsize=8)
        if row.title:
            line[0].set_ylabel(row.title)
    if picture.legend:
        _legend(figure, cells[0][0], picture)


def _legend(figure: Figure, axes: Axes, picture: Picture) -> None:
    """What each color stands for."""
    from matplotlib.patches import Patch

    handles: list[Any]
    style: dict[str, Any]
    if picture.filled:
        handles = [Patch(facecolor=color, edgecolor="gray") for color, _ in picture.legend]
        style = {"fontsize": 7, "frameon": False}
    else:
        handles, style = [axes.plot([], [], color=color)[0] for color, _ in picture.legend], {"fontsize": 8}
    # By numbers first: matplotlib leaves out what begins with an underscore, as a class may.
    legend = figure.legend(
        handles, map(str, range(len(handles))), loc="outside lower center", ncols=min(6, len(handles)), **style
    )
    for text, (_, name) in zip(legend.get_texts(), picture.legend, strict=True):
        text.set_text(name)


def _outline(axes: Axes, image: Any, outlines: Sequence[Outline]) -> None:
    from matplotlib.patches import Rectangle

    height, width = image.shape[:2]
    for color, left, top, right, bottom in outlines:
        corner, size = (left * width, top * height), ((right - left) * width, (bottom - top) * height)
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=color, linewidth=1))


def _show(axes: Axes, image: Any) -> None:
    """Pixels of (H, W, C) bytes, the first channel of two, the first three of many; or of (H, W) from 0 to 1."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    if image.ndim == 3:
        image = image[..., :3] if image.shape[2] >= 3 else image[..., :1]
    if image.ndim == 3 and image.shape[2] == 3:
        axes.imshow(image)
    else:
        axes.imshow(image.reshape(image.shape[:2]), cmap="gray", vmin=0, vmax=255 if image.ndim == 3 else 1)
