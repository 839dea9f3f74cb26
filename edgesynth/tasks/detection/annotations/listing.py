"""Listing: images with their boxes as a data set lists them, in pixels of the original images."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from edgesynth.errors import UserError
from edgesynth.tasks.datasets.summarize import summarize


class Box(NamedTuple):
    """A box in pixels of its image: left and top are within, right and bottom just outside."""

    name: str
    left: float
    top: float
    right: float
    bottom: float


class Annotated(NamedTuple):
    """An image and its boxes.

    Attributes:
        image: its file.
        boxes: may be empty.
        size: (width, height) that the annotation promises; None if it promises none.
    """

    image: Path
    boxes: tuple[Box, ...]
    size: tuple[int, int] | None = None


@dataclass
class Listing:
    """What a data set lists.

    Attributes:
        parts: images by part: `train`, `val`, `test`; or `all`, which is still to be split.
        skipped: {what is wrong: one line for each file that is left out}.
        dropped: {what is wrong: one line for each box that is left out}.
        classes: their names in order, where the data set says which there are.
    """

    parts: dict[str, list[Annotated]] = field(default_factory=dict)
    skipped: dict[str, list[str]] = field(default_factory=dict)
    dropped: dict[str, list[str]] = field(default_factory=dict)
    classes: list[str] | None = None

    def join_repeated(self, root: Path) -> None:
        """Join the entries of an image that one part lists more than once: it gets the boxes of all.

        Args:
            root: the folder of the data, for messages.

        Raises:
            UserError: two parts list the same image.
        """
        owners: dict[Path, str] = {}
        shared: list[str] = []
        for part, listed in self.parts.items():
            own: dict[Path, Annotated] = {}
            for annotated in listed:
                if before := own.get(annotated.image):
                    self.skip("image listed twice", f"{annotated.image.name} is listed twice, its boxes are joined")
                    annotated = before._replace(boxes=tuple(dict.fromkeys(before.boxes + annotated.boxes)))
                elif annotated.image in owners:
                    shared.append(f"{annotated.image.name} is in {owners[annotated.image]} and {part}")
                own[annotated.image] = annotated
            owners.update(dict.fromkeys(own, part))
            self.parts[part] = list(own.values())
        if shared:
            raise UserError(
                f"{root} has {len(shared):,} images in two splits: {summarize(shared)}; a split must not overlap"
            )

    def skip(self, wrong: str, line: str) -> None:
        """Leave a file out."""
        self.skipped.setdefault(wrong, []).append(line)

    def drop(self, wrong: str, line: str) -> None:
        """Leave a box out."""
        self.dropped.setdefault(wrong, []).append(line)
