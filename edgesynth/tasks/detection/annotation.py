"""Annotation: images with their boxes as a data set lists them, before anything is scaled."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

NAMED = 3  # odd things that are named; the others are counted
CLASSES = "classes.txt"


class Box(NamedTuple):
    """A box in pixels of its image: left and top are within, right and bottom just outside."""

    name: str
    left: float
    top: float
    right: float
    bottom: float


class Annotated(NamedTuple):
    """An image and what is to be found on it.

    Attributes:
        image: its file.
        boxes: may be empty: nothing is to be found.
        size: (width, height) that the annotation promises; None if it promises none.
    """

    image: Path
    boxes: tuple[Box, ...]
    size: tuple[int, int] | None = None


@dataclass
class Found:
    """What a data set lists.

    Attributes:
        parts: images by part: `train`, `val`, `test`; or `all`, which is still to be split.
        skipped: files that are left out, one line each.
        dropped: boxes that are left out, one line each.
        classes: their names in order, where the data set says which there are.
    """

    parts: dict[str, list[Annotated]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    classes: list[str] | None = None


def listed_classes(root: Path) -> list[str] | None:
    """Names in `classes.txt`, one a line, where a data set has that file."""
    path = root / CLASSES
    if not path.is_file():
        return None
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def few(lines: list[str]) -> str:
    """The first of many lines, and how many more there are."""
    more = f"; and {len(lines) - NAMED:,} more" if len(lines) > NAMED else ""
    return "; ".join(lines[:NAMED]) + more
