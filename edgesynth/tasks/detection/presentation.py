"""How a detector's outputs are shown: boxes in the color of their class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgesynth.metrics.boxes import detections
from edgesynth.tasks.task.presentation import (
    DecoderFile,
    Outline,
    Panel,
    Picture,
    Presentation,
    Row,
    SamplePredictions,
    class_name,
    presents,
)

SHOWN_SCORE = 0.3  # boxes of a lower score are not drawn
# Matplotlib's own cycle.
COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")


def _printed(boxes: str) -> tuple[str, ...]:
    """Lines that print boxes (K, 6), given as an expression, in pixels of the network's input."""
    return (
        'manifest = json.load(open("manifest.json"))',
        "side = pixels.shape[3]",
        f"for kind, score, *corners in {boxes}.tolist():",
        "    if score >= 0.3:  # left, top, right, bottom in pixels of the network's input",
        '        print(manifest["labels"][int(kind)], round(score, 2), [round(side * corner) for corner in corners])',
    )


@presents("boxes")
class GridPresentation(Presentation):
    """Outputs are a grid (channels, h, w), which `boxes.py` decodes."""

    output_text = (
        "a grid of {1}x{2} cells with {0} channels an image, which `boxes.py` turns into boxes as `output.decoding` in "
        "`manifest.json` says"
    )
    decoding_code = (
        "from boxes import detections",
        *_printed('detections(logits[None], manifest["output"]["decoding"])[0]'),
    )
    decoder = DecoderFile(
        "boxes.py", "from the output to boxes, in numpy: `detections(outputs, decoding)`; for Python 3.6 and newer"
    )

    def picture(self, predictions: SamplePredictions, names: Sequence[str]) -> Picture | None:
        """Three rows: the true boxes, and those of both individuals with a score of at least `SHOWN_SCORE`.

        None for a run that did not keep how its outputs are decoded.
        """
        if not predictions.decoding:
            return None
        boxes = [[rows[rows[:, 0] >= 0] for rows in predictions.labels]]
        for outputs in (predictions.ancestor, predictions.offspring):
            detected = detections(outputs, predictions.decoding)
            boxes.append([rows[rows[:, 1] >= SHOWN_SCORE][:, [0, 2, 3, 4, 5]] for rows in detected])
        rows = [
            Row(title, [_panel(*pair) for pair in zip(predictions.images, of_images, strict=True)])
            for title, of_images in zip(("truth", *predictions.individuals), boxes, strict=True)
        ]
        seen = sorted({int(number) for of_images in boxes for of_image in of_images for number in of_image[:, 0]})
        return Picture(rows, [(_color(number), class_name(names, number)) for number in seen])


@presents("detections")
class DetectionsPresentation(Presentation):
    """Outputs are boxes (R, 6), which the network's file decoded."""

    output_text = (
        "{0} rows an image, the surest first: class (its place in `labels` of `manifest.json`; -1: no box), score, and "
        "left, top, right, bottom in shares of the input"
    )
    decoding_code = _printed("logits[logits[:, 0] >= 0]")
    tensorrt_note = (
        "Boxes are decoded and suppressed within the files. TensorRT 8.0 does not parse NonMaxSuppression, 8.2 and 8.4 "
        "call it\nexperimental; their plugin for it is one that trtexec knows."
    )


def _panel(image: np.ndarray, boxes: np.ndarray) -> Panel:
    """An image with boxes (K, 5): class, left, top, right, bottom."""
    return Panel(image, outlines=[Outline(_color(int(number)), *corners) for number, *corners in boxes])


def _color(number: int) -> str:
    return COLORS[number % len(COLORS)]
