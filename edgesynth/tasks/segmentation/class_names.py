"""Names of classes in a user's own data: as many as a mask has numbers for."""

from __future__ import annotations

from pathlib import Path

from edgesynth.tasks.datasets.class_list import listed_classes
from edgesynth.tasks.segmentation.class_map import VOID


def own_classes(folder: Path) -> list[str] | None:
    """One name a line, in the order of their numbers from 0; None where there is no such file.

    Raises:
        UserError: it cannot be read, repeats a name, or does not name 2 to 255 classes.
    """
    return listed_classes(folder, 2, VOID)
