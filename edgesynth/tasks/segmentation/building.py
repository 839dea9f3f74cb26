"""The segmentation task, built from the pairs and the classes that a layout lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.tasks.datasets.name_lists import listed_classes
from edgesynth.tasks.datasets.pairs import Pair, Reading, max_shift, preprocessing, read_pairs
from edgesynth.tasks.images.augmentation import MAX_ZOOM
from edgesynth.tasks.segmentation.class_map import VOID, class_map
from edgesynth.tasks.segmentation.class_weights import pixels_of
from edgesynth.tasks.segmentation.segmentation import Segmentation

Parts = tuple[Mapping[str, Sequence[Pair]], Sequence[str]]


def own_classes(folder: Path) -> list[str] | None:
    """The classes of `classes.txt` in a folder, in the order of their numbers from 0; None where there is no such file.

    Raises:
        UserError: it cannot be read, repeats a name, or does not name 2 to 255 classes.
    """
    return listed_classes(folder, 2, VOID)


def build(name: str, root: Path, pairs: Parts, classes: Sequence[str], void: int, image_size: int) -> Segmentation:
    """Read the pairs and make a task of them.

    Images and masks are stretched to (3, S, S) and (S, S), the images normalized by ImageNet's mean and deviation.
    Training flips, shifts and scales both alike. A pair that cannot be read, whose mask is of another size than its
    image or holds a number that is no class, is left out and reported in `notes`, as are classes without a pixel to
    learn from.

    Args:
        name: of the task.
        root: folder of the data, for messages.
        pairs: the splits that the data have, see `three_parts`, and what was left out of them.
        classes: their names, in the order of their numbers.
        void: number of what belongs to none, besides 255.
        image_size: S, pixels.

    Raises:
        UserError: a part has no sound pair, or no pixel of a class.
    """
    parts, odd = pairs
    read_mask = partial(class_map, size=image_size, classes=len(classes), void=void)
    reading = read_pairs(root, parts, odd, image_size, read_mask, (image_size, image_size))
    return Segmentation(
        name=name,
        train=reading.train,
        validation=reading.validation,
        load_test=reading.test.itself,
        labels=list(classes),
        preprocessing=preprocessing(image_size),
        max_shift=max_shift(image_size),
        flip=True,
        max_zoom=MAX_ZOOM,
        notes=[*reading.notes, *_unlearned(root, reading, classes)],
        skipped=reading.skipped,
    )


def _unlearned(root: Path, reading: Reading, classes: Sequence[str]) -> list[str]:
    """A note on classes that do not occur in train."""
    train, validation, test = (
        pixels_of(split.labels, len(classes)).sum(0) for split in (reading.train, reading.validation, reading.test)
    )
    for part, pixels in (("train", train), ("validation", validation), ("test", test)):
        if not bool(pixels.any()):
            raise UserError(f"{root}: no pixel of the masks of {part} is of a class; all are {VOID}, which is void")
    missing = [name for name, count in zip(classes, train.tolist(), strict=True) if not count]
    return [f"no pixel to learn from in {root}: {', '.join(missing)}"] if missing else []
