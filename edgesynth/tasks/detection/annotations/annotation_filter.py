"""Filter of annotations: which images and boxes of a data set can be used, and why the others cannot."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from edgesynth.tasks.detection.annotations.listing import Annotated, Box, Listing
from edgesynth.tasks.images.decoded import size_of
from edgesynth.tasks.images.pixels import UnreadableError

TOLERANCE = 1.0  # pixels that a box may reach beyond its image before it is reported: formats count from 0 or 1


class AnnotationFilter:
    """Keeps sound images and boxes, and records the others.

    Args:
        listing: what the data set lists; its `skipped` and `dropped` grow.
        read: decodes an image file, which shows whether it can be read.

    Attributes:
        cut: one line for each box that is cut at its image's edge.
    """

    def __init__(self, listing: Listing, read: Callable[[str], object]) -> None:
        self.listing = listing
        self.read = read
        self.cut: list[str] = []

    def images(self, listed: list[Annotated]) -> list[Annotated]:
        """The images that can be read and have the annotated size, with their sound boxes and their real size."""
        sound = []
        for annotated in listed:
            try:
                size = size_of(annotated.image)
                self.read(str(annotated.image))
            except UnreadableError as error:
                self.listing.skip("image cannot be read", str(error))
                continue
            if annotated.size not in (None, size):
                line = f"{annotated.image.name} is {_form(size)} and its annotation says {_form(annotated.size)}"
                self.listing.skip("image of another size than annotated", line)
                continue
            boxes = tuple(box for given in annotated.boxes if (box := self._box(given, annotated.image, size)))
            sound.append(Annotated(annotated.image, boxes, size))
        return sound

    def _box(self, box: Box, image: Path, size: tuple[int, int]) -> Box | None:
        """The part of a box within its image; None for one that is left out."""
        corners = box[1:]
        if not all(map(math.isfinite, corners)):
            self.listing.drop("box that is not finite", told(box, image, "is no finite box"))
            return None
        if box.right <= box.left or box.bottom <= box.top:
            self.listing.drop("box of no area", told(box, image, "has no area"))
            return None
        width, height = size
        inner = Box(box.name, max(box.left, 0), max(box.top, 0), min(box.right, width), min(box.bottom, height))
        if inner.right <= inner.left or inner.bottom <= inner.top:
            self.listing.drop("box outside its image", told(box, image, f"lies outside its image of {_form(size)}"))
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
