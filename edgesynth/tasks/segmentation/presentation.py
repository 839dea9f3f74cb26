"""How a segmentation network's outputs are shown: each pixel in the color of its class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgesynth.tasks.segmentation.class_map import VOID
from edgesynth.tasks.task.presentation import Panel, Picture, Presentation, Row, SamplePredictions, class_name, presents


def _colors() -> np.ndarray:
    """(256, 3) uint8, the palette of PASCAL VOC, in which near numbers have different colors; void is white.

    The bits of a number go in turn to red, green and blue, the lowest to their highest.
    """
    numbers = np.arange(256)
    channels = [sum(((numbers >> (3 * bit + place)) & 1) << (7 - bit) for bit in range(3)) for place in range(3)]
    colors = np.stack(channels, axis=1).astype(np.uint8)
    colors[VOID] = 255
    return colors


COLORS = _colors()


@presents("class map")
class ClassMapPresentation(Presentation):
    """Outputs are (classes, H, W), a map of scores for each class."""

    output_text = "{0} maps of scores an image, one for each of `labels` in `manifest.json`; the largest is the pixel's"
    decoding_code = (
        "from PIL import Image",
        "numbers = logits.argmax(axis=0)  # of each pixel, its class",
        'print([json.load(open("manifest.json"))["labels"][number] for number in np.unique(numbers)])',
        'Image.fromarray(numbers.astype(np.uint8)).save("classes.png")',
    )

    def picture(self, predictions: SamplePredictions, names: Sequence[str]) -> Picture:
        """Four rows: images, masks, and the classes that both individuals predict; void has no entry in the legend."""
        predicted = [scores.argmax(axis=1) for scores in (predictions.ancestor, predictions.offspring)]
        maps = (predictions.labels, *predicted)
        rows = [Row("image", [*map(Panel, predictions.images)])]
        for title, numbers in zip(("mask", *predictions.individuals), maps, strict=True):
            rows.append(Row(title, [*map(Panel, COLORS[numbers])]))
        seen = [number for number in np.unique(np.stack(maps)).tolist() if number != VOID]
        return Picture(rows, [(_hex(number), class_name(names, number)) for number in seen], filled=True)


def _hex(number: int) -> str:
    return "#{:02x}{:02x}{:02x}".format(*COLORS[number].tolist())
