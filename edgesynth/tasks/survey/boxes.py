"""Boxes of PASCAL VOC, KITTI and COCO, read and filtered as for training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

from edgesynth.tasks.detection.annotations.annotation_filter import AnnotationFilter, told
from edgesynth.tasks.detection.folders import LAYOUTS, read_annotated
from edgesynth.tasks.images.pixels import UnreadableError

HAVE_BOXES = tuple(LAYOUTS)


def look_at_boxes(
    task: str, folder: Path, unreadable: dict[str, str], labels: Collection[str] | None
) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Boxes that training would use, and those that it would leave out.

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

    listing = read_annotated(task, folder)
    annotation_filter = AnnotationFilter(listing, read)
    counts: Counter[str] = Counter()
    for annotated in (annotated for listed in listing.parts.values() for annotated in annotation_filter.images(listed)):
        for box in annotated.boxes:
            if labels is None or box.name in labels:
                counts[box.name] += 1
            else:
                line = told(box, annotated.image, "is of a class that train has none of")
                listing.drop("box of an unknown class", line)
    wrong = {**listing.skipped, **listing.dropped}
    if annotation_filter.cut:
        wrong["box cut at the edge of its image"] = annotation_filter.cut
    return dict(sorted(counts.items())), wrong
