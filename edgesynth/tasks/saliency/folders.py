"""`--task masks:DIR`: saliency from a folder of images and one of masks, read from disk as it is needed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from edgesynth.tasks.augmentation import MAX_ZOOM
from edgesynth.tasks.folder import folder_of
from edgesynth.tasks.pairs import Pair, Reading, by_split, max_shift, preprocessing, read_pairs
from edgesynth.tasks.pixels import binary
from edgesynth.tasks.saliency.lists import listed_parts
from edgesynth.tasks.saliency.pairs import LAYOUTS, find_pairs
from edgesynth.tasks.saliency.saliency import Saliency
from edgesynth.tasks.splits import split_folders

CHUNK = 64


def masks(data_root: Path | None = None, image_size: int = 64) -> Saliency:
    """Build the task from a folder; see `pairs` for its layouts, and `lists` for the splits of MSRA-B and HKU-IS.

    One folder without such lists is shuffled, always in the same way, and split 70/10/20; see `three_parts` for what is
    done about a split that is missing. Images and masks are stretched to (3, S, S) and (1, S, S), the images normalised
    by ImageNet's mean and deviation. Training flips, shifts and scales both alike. A pair that cannot be read, or whose
    mask is of another size than its image, is left out and told of in `notes`.

    Args:
        data_root: the folder.
        image_size: S, pixels.

    Raises:
        UserError: no folder was given, it is of no known layout, or too few pairs are sound.
    """
    root = folder_of("masks", data_root, LAYOUTS)
    parts, odd = _parts(root)
    read_mask = partial(binary, size=image_size)
    found = read_pairs(root, parts, odd, image_size, read_mask, (1, image_size, image_size))
    return Saliency(
        name="masks",
        train=found.train,
        validation=found.validation,
        load_test=found.test.itself,
        labels=["salient"],
        preprocessing=preprocessing(image_size),
        max_shift=max_shift(image_size),
        flip=True,
        max_zoom=MAX_ZOOM,
        notes=[*found.notes, *_empty(root, found)],
        skipped=found.skipped,
    )


def _parts(root: Path) -> tuple[dict[str, list[Pair]], list[str]]:
    """The pairs of each split that there is, and what was left out."""
    folders = split_folders(root)
    if not folders:
        pairs, odd = find_pairs(root)
        listed = listed_parts(root, pairs)
        return (listed[0], odd + listed[1]) if listed else ({"all": pairs}, odd)
    return by_split(folders, find_pairs)


def _empty(root: Path, found: Reading) -> list[str]:
    """A note on masks without a salient pixel."""
    chunks = (chunk for split in (found.train, found.validation, found.test) for chunk in split.labels.split(CHUNK))
    empty = sum(int((chunk.flatten(1).amax(dim=1) == 0).sum()) for chunk in chunks)
    return [f"{empty:,} of {found.count:,} masks of {root} show nothing salient"] if empty else []
