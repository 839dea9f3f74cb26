"""`--task masks:DIR`: saliency from a folder of images and one of masks, read from disk as it is needed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.tasks.datasets.folder import folder_of
from edgesynth.tasks.datasets.name_lists import CLASSES_FILE
from edgesynth.tasks.datasets.pairs import Pair, Reading, by_split, max_shift, preprocessing, read_pairs
from edgesynth.tasks.datasets.splits import split_folders
from edgesynth.tasks.images.augmentation import MAX_ZOOM
from edgesynth.tasks.images.pixels import binary
from edgesynth.tasks.saliency.lists import listed_parts
from edgesynth.tasks.saliency.pairs import LAYOUTS, find_pairs
from edgesynth.tasks.saliency.saliency import Saliency

CHUNK = 64
OF_CLASSES = "masks of classes are for --task camvid:DIR, with DIR/train beside DIR/trainannot"


def masks(data_root: Path | None = None, image_size: int = 64) -> Saliency:
    """Build the task from a folder; see `pairs` for its layouts, and `lists` for the splits of MSRA-B and HKU-IS.

    One folder without such lists is shuffled, always in the same way, and split 70/10/20; see `three_parts` for what is
    done about a split that is missing. Images and masks are stretched to (3, S, S) and (1, S, S), the images normalized
    by ImageNet's mean and deviation. Training flips, shifts and scales both alike. A pair that cannot be read, or whose
    mask is of another size than its image, is left out and reported in `notes`.

    Args:
        data_root: the folder.
        image_size: S, pixels.

    Raises:
        UserError: no folder was given, it is of no known layout, its masks are of classes, or too few pairs are sound.
    """
    root = folder_of("masks", data_root, LAYOUTS)
    if (root / CLASSES_FILE).is_file():
        raise UserError(f"{root} has {CLASSES_FILE} and --task masks knows no classes; {OF_CLASSES}, or take it away")
    parts, odd = _parts(root)
    read_mask = partial(binary, size=image_size)
    reading = read_pairs(root, parts, odd, image_size, read_mask, (1, image_size, image_size))
    return Saliency(
        name="masks",
        train=reading.train,
        validation=reading.validation,
        load_test=reading.test.itself,
        labels=["salient"],
        preprocessing=preprocessing(image_size),
        max_shift=max_shift(image_size),
        flip=True,
        max_zoom=MAX_ZOOM,
        notes=[*reading.notes, *_unsalient(root, reading)],
        skipped=reading.skipped,
    )


def _parts(root: Path) -> tuple[dict[str, list[Pair]], list[str]]:
    """The pairs of each split that there is, and what was left out."""
    folders = split_folders(root)
    if not folders:
        pairs, odd = find_pairs(root)
        listed = listed_parts(root, pairs)
        return (listed[0], odd + listed[1]) if listed else ({"all": pairs}, odd)
    return by_split(folders, find_pairs)


def _unsalient(root: Path, reading: Reading) -> list[str]:
    """A note on masks without a salient pixel.

    Raises:
        UserError: all masks of a split are without.
    """
    unsalient = 0
    for part, split in (("train", reading.train), ("validation", reading.validation), ("test", reading.test)):
        here = sum(int((chunk.flatten(1).amax(dim=1) == 0).sum()) for chunk in split.labels.split(CHUNK))
        if here == len(split.labels):
            raise UserError(
                f"none of the {here:,} masks of {root} for {part} shows anything salient; what is salient is white "
                f"(above 127 of 255) in a mask; {OF_CLASSES}"
            )
        unsalient += here
    return [f"{unsalient:,} of {reading.count:,} masks of {root} show nothing salient"] if unsalient else []
