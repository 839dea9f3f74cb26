"""Boxes of PASCAL VOC, KITTI and COCO, read and sifted as training does it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

from edgesynth.tasks.detection.annotation_filter import AnnotationFilter, told
from edgesynth.tasks.detection.folders import LAYOUTS, read_annotated
from edgesynth.tasks.images.pixels import UnreadableError

HAVE_BOXES = tuple(LAYOUTS)


def look_at_boxes(
    task: str, folder: Path, unreadable: dict[str, str], labels: Collection[str] | None
) -> tuple[dict[str, int], dict[str, list[str]]]:
    """What training would learn from, and what it would leave out.

    Args:
        task: one of `HAVE_BOXES`.
        folder: its data.
        unreadable: {image file: why}, of images that were decoded before.
        labels: the classes that are trained; None where that is not known, for all that there are.

    Returns:
        Boxes of each class that are used, and {what is wrong: where}.

    Raises:
        UserError: the folder is of another layout.
    """

    def read(file: str) -> None:
        if file in unreadable:
            raise UnreadableError(unreadable[file])

    found = read_annotated(task, folder)
    sieve = AnnotationFilter(found, read)
    counts: Counter[str] = Counter()
    for one in (one for listed in found.parts.values() for one in sieve.images(listed)):
        for box in one.boxes:
            if labels is None or box.name in labels:
                counts[box.name] += 1
            else:
                line = told(box, one.image, "is of a class that train has none of")
                found.drop("box of an unknown class", line)
    wrong = {**found.skipped, **found.dropped}
    if sieve.cut:
        wrong["box cut at the edge of its image"] = sieve.cut
    return dict(sorted(counts.items())), wrong
