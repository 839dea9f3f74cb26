"""Soundness: what of a data set can be used, and why the rest cannot."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from edgesynth.tasks.detection.annotation import Annotated, Box, Found
from edgesynth.tasks.images.decoded import size_of
from edgesynth.tasks.images.pixels import UnreadableError

TOLERANCE = 1.0  # pixels that a box may reach beyond its image before it is reported: formats count from 0 or 1


class AnnotationFilter:
    """Sorts images and boxes, and remembers what it left out.

    Args:
        found: what the data set lists; its `skipped` and `dropped` grow.
        read: decodes an image file, which shows whether it can be read.

    Attributes:
        cut: one line for each box that is cut at its image's edge.
    """

    def __init__(self, found: Found, read: Callable[[str], object]) -> None:
        self.found = found
        self.read = read
        self.cut: list[str] = []

    def images(self, listed: list[Annotated]) -> list[Annotated]:
        """Those that can be read and are of the size that was promised, with their sound boxes and their true size."""
        sound = []
        for one in listed:
            try:
                size = size_of(one.image)
                self.read(str(one.image))
            except UnreadableError as error:
                self.found.skip("image cannot be read", str(error))
                continue
            if one.size not in (None, size):
                line = f"{one.image.name} is {_form(size)} and its annotation says {_form(one.size)}"
                self.found.skip("image of another size than annotated", line)
                continue
            boxes = tuple(box for given in one.boxes if (box := self._box(given, one.image, size)))
            sound.append(Annotated(one.image, boxes, size))
        return sound

    def _box(self, box: Box, image: Path, size: tuple[int, int]) -> Box | None:
        """The part of a box within its image; None for one that is left out."""
        corners = box[1:]
        if not all(map(math.isfinite, corners)):
            self.found.drop("box that is not finite", told(box, image, "is no finite box"))
            return None
        if box.right <= box.left or box.bottom <= box.top:
            self.found.drop("box of no area", told(box, image, "has no area"))
            return None
        width, height = size
        inner = Box(box.name, max(box.left, 0), max(box.top, 0), min(box.right, width), min(box.bottom, height))
        if inner.right <= inner.left or inner.bottom <= inner.top:
            self.found.drop("box outside its image", told(box, image, f"lies outside its image of {_form(size)}"))
            return None
        if any(abs(before - after) > TOLERANCE for before, after in zip(corners, inner[1:], strict=True)):
            self.cut.append(told(box, image, f"reaches outside its image of {_form(size)}"))
        return inner


def told(box: Box, image: Path, why: str) -> str:
    """A line that names a box."""
    corners = ", ".join(f"{value:g}" for value in box[1:])
    return f"the {box.name} at ({corners}) of {image.name} {why}"


def _form(size: tuple[int, int] | None) -> str:
    return "x".join(map(str, size or ()))
