"""Predictions as a picture: each image with the truth, the ancestor's answer and the offspring's beside each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from edgesynth.lineage import Predictions
from edgesynth.metrics.boxes import detections
from edgesynth.printable import printable
from edgesynth.report.drawing import svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TILE_IN = 1.35
SURE = 0.3  # score from which a box is shown
VOID = 255


def _colors() -> np.ndarray:
    """(256, 3) uint8 of the numbers of classes: the palette of PASCAL VOC, in which near numbers differ; void is white.

    The bits of a number go in turn to red, green and blue, the lowest to their highest.
    """
    numbers = np.arange(256)
    channels = [sum(((numbers >> (3 * bit + place)) & 1) << (7 - bit) for bit in range(3)) for place in range(3)]
    colors = np.stack(channels, axis=1).astype(np.uint8)
    colors[VOID] = 255
    return colors


COLORS = _colors()


def predictions_plot(found: Predictions, names: list[str]) -> Markup | None:
    """The picture; None for answers of a form that is not drawn.

    Args:
        found: the run's predictions.
        names: of the classes.
    """
    draw = FORMS.get(found.form)
    if draw is None or (found.form == "boxes" and not found.decoding):
        return None
    rows = ROWS[found.form]
    ancestor, offspring = found.individuals
    label = f"Answers of {ancestor} and {offspring} to {len(found.images)} test images"
    size = (TILE_IN * len(found.images) + 0.6, (TILE_IN if rows > 1 else TILE_IN + 0.6) * rows)
    return svg(lambda figure: draw(figure, found, names), "predictions", label, *size)


def _classes(figure: Figure, found: Predictions, names: list[str]) -> None:
    """One row; below each image three lines: the truth and both answers."""
    cells = figure.subplots(1, len(found.images), squeeze=False)[0]
    for place, axes in enumerate(cells):
        _show(axes, found.images[place])
        told = (found.labels[place], found.ancestor[place].argmax(), found.offspring[place].argmax())
        lines = [_name(names, int(one)) for one in told]
        heads = ("truth", *found.individuals)
        axes.set_xlabel("\n".join(f"{head}: {line}" for head, line in zip(heads, lines, strict=True)), fontsize=8)


def _map(figure: Figure, found: Predictions, names: list[str]) -> None:
    """Four rows: images, masks, and the maps of both."""
    rows: list[tuple[str, Any]] = [("image", found.images), ("mask", found.labels[:, 0])]
    for name, logits in zip(found.individuals, (found.ancestor, found.offspring), strict=True):
        rows.append((name, 1 / (1 + np.exp(-logits[:, 0].astype(np.float64).clip(-60, 60)))))
    _rows(figure, rows)


def _class_map(figure: Figure, found: Predictions, names: list[str]) -> None:
    """Four rows: images, masks, and what both say of each pixel, in the colors of the legend; void is white."""
    from matplotlib.patches import Patch

    answers = [scores.argmax(axis=1) for scores in (found.ancestor, found.offspring)]
    rows: list[tuple[str, Any]] = [("image", found.images)]
    for name, numbers in zip(("mask", *found.individuals), (found.labels, *answers), strict=True):
        rows.append((name, COLORS[numbers]))
    _rows(figure, rows)
    seen = np.unique(np.stack([found.labels, *answers]))
    kinds = [number for number in seen.tolist() if number != VOID]
    patches = [Patch(facecolor=COLORS[number] / 255, edgecolor="gray") for number in kinds]
    _legend(figure, patches, [_name(names, number) for number in kinds], fontsize=7, frameon=False)


def _rows(figure: Figure, rows: list[tuple[str, Any]]) -> None:
    """(name, pictures) of each row, below each other."""
    cells = figure.subplots(len(rows), len(rows[0][1]), squeeze=False)
    for line, (name, shown) in zip(cells, rows, strict=True):
        for axes, one in zip(line, shown, strict=True):
            _show(axes, one)
        line[0].set_ylabel(name)


def _boxes(figure: Figure, found: Predictions, names: list[str]) -> None:
    """Three rows: the true boxes, and those that both are sure enough of; a color for each class."""
    truth = [rows[rows[:, 0] >= 0] for rows in found.labels]
    told = [
        [one[one[:, 1] >= SURE][:, [0, 2, 3, 4, 5]] for one in detections(outputs, found.decoding)]
        for outputs in (found.ancestor, found.offspring)
    ]
    cells = figure.subplots(3, len(found.images), squeeze=False)
    for line, name, boxes in zip(cells, ("truth", *found.individuals), (truth, *told), strict=True):
        for axes, image, mine in zip(line, found.images, boxes, strict=True):
            _show(axes, image)
            _outline(axes, image, mine)
        line[0].set_ylabel(name)
    seen = sorted({int(kind) for boxes in (truth, *told) for mine in boxes for kind in mine[:, 0]})
    lines = [cells[0][0].plot([], [], color=_color(kind))[0] for kind in seen]
    _legend(figure, lines, [_name(names, kind) for kind in seen], fontsize=8)


def _legend(figure: Figure, handles: list[Any], names: list[str], **how: Any) -> None:
    """What each color stands for; nothing where there is none."""
    if not handles:
        return
    # By numbers first: matplotlib leaves out what begins with an underscore, as a class may.
    legend = figure.legend(
        handles, map(str, range(len(names))), loc="outside lower center", ncols=min(6, len(names)), **how
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_text(name)


def _outline(axes: Axes, image: Any, boxes: Any) -> None:
    from matplotlib.patches import Rectangle

    height, width = image.shape[:2]
    for kind, left, top, right, bottom in boxes:
        corner, size = (left * width, top * height), ((right - left) * width, (bottom - top) * height)
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=_color(int(kind)), linewidth=1))


def _color(kind: int) -> str:
    return f"C{kind % 10}"


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


def _name(names: list[str], number: int) -> str:
    return printable(names[number]) if number < len(names) else f"class {number}"


FORMS: dict[str, Callable[[Figure, Predictions, list[str]], None]] = {
    "classes": _classes,
    "map": _map,
    "class map": _class_map,
    "boxes": _boxes,
}
ROWS = {"classes": 1, "map": 4, "class map": 4, "boxes": 3}
