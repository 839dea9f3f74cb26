"""`--task masks:DIR`: saliency from a folder of images and one of masks, read from disk as it is needed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.tasks.normalising import DEVIATION, MEAN, normalised
from edgesynth.tasks.pixels import DECODING, UnreadableError, binary, colour, size_of
from edgesynth.tasks.saliency.pairs import LAYOUTS, Pair, find_pairs
from edgesynth.tasks.saliency.saliency import Saliency
from edgesynth.tasks.stored import Kept, Stored
from edgesynth.tasks.task import Split

VALIDATION, TEST = 0.1, 0.2  # of one folder, or of train where no val is beside it
NAMED = 3  # bad pairs that are named; the others are counted


def masks(data_root: Path | None = None, image_size: int = 64) -> Saliency:
    """Build the task from a folder; see `pairs` for its layouts.

    One folder is shuffled, always in the same way, and split 70/10/20; where `train` and `test` are there and no `val`,
    10 % of train are held out. Images and masks are stretched to (3, S, S) and (1, S, S), the images normalised by
    ImageNet's mean and deviation. Training flips and shifts both alike. A pair that cannot be read, or whose mask is of
    another size than its image, is left out and told of in `notes`.

    Args:
        data_root: the folder.
        image_size: S, pixels.

    Raises:
        UserError: no folder was given, it is of no known layout, or too few pairs are sound.
    """
    if data_root is None:
        raise UserError(f"the task masks needs its folder, as in --task masks:DIR: {LAYOUTS}")
    if not data_root.is_dir():
        raise UserError(f"--task masks:{data_root} names no folder; give {LAYOUTS}")
    parts, odd = _parts(data_root)
    kept = Kept()
    read_image, read_mask = partial(colour, size=image_size), partial(binary, size=image_size)
    splits, empty, count = [], 0, sum(map(len, parts))
    for pairs in parts:
        sound = []
        for pair in pairs:
            try:
                _check_sizes(pair)
                kept(str(pair.image), read_image)
                empty += not bool(kept(str(pair.mask), read_mask).any())
                sound.append(pair)
            except UnreadableError as error:
                odd.append(str(error))
        if not sound:
            raise UserError(f"{data_root} has no sound pair left for a split of {len(pairs)}: {'; '.join(odd[:NAMED])}")
        images = Stored([str(one.image) for one in sound], (3, image_size, image_size), read_image, normalised, kept)
        labels = Stored([str(one.mask) for one in sound], (1, image_size, image_size), read_mask, as_it_is, kept)
        splits.append(Split(images, labels))
    train, validation, test = splits
    return Saliency(
        name="masks",
        train=train,
        validation=validation,
        load_test=partial(_test, test),
        labels=["salient"],
        preprocessing={
            "source": "RGB images with values 0..255",
            "decode": DECODING,
            "resize": {"size": [image_size, image_size], "mode": "bilinear", "antialias": True},
            "scale": 1 / 255,
            "mean": list(MEAN),
            "std": list(DEVIATION),
        },
        max_shift=max(2, image_size // 16),
        flip=True,
        notes=_notes(data_root, count, odd, empty),
    )


def as_it_is(pixels: Tensor) -> Tensor:
    """Masks are used as they are kept."""
    return pixels


def _test(split: Split) -> Split:
    return split


def _parts(root: Path) -> tuple[list[list[Pair]], list[str]]:
    """Train, validation and test, and what was left out."""
    if not (root / "train").is_dir():
        pairs, odd = find_pairs(root)
        return _shuffled(root, pairs, VALIDATION, TEST), odd
    if not (root / "test").is_dir():
        raise UserError(f"{root} has train and no test beside it; add test, or give one folder to be split")
    (train, odd), (test, others) = find_pairs(root / "train"), find_pairs(root / "test")
    if not (root / "val").is_dir():
        return [*_shuffled(root / "train", train, VALIDATION), test], odd + others
    validation, more = find_pairs(root / "val")
    return [train, validation, test], odd + others + more


def _shuffled(folder: Path, pairs: list[Pair], *shares: float) -> list[list[Pair]]:
    """What is left, then each share, in a shuffle that is always the same."""
    counts = [max(1, round(share * len(pairs))) for share in shares]
    if sum(counts) >= len(pairs):
        raise UserError(f"{folder} has {len(pairs)} pairs of image and mask, too few to be split; give at least 4")
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0)).tolist()
    left = len(pairs) - sum(counts)
    return [[pairs[place] for place in sorted(part)] for part in _cut(order, [left, *counts])]


def _cut(order: list[int], counts: list[int]) -> list[list[int]]:
    ends = torch.tensor(counts).cumsum(0).tolist()
    return [order[end - count : end] for end, count in zip(ends, counts, strict=True)]


def _check_sizes(pair: Pair) -> None:
    image, mask = size_of(pair.image), size_of(pair.mask)
    if image != mask:
        raise UnreadableError(
            f"{pair.mask.name} is {mask[0]}x{mask[1]} and its image {pair.image.name} {image[0]}x{image[1]}"
        )


def _notes(root: Path, count: int, odd: list[str], empty: int) -> list[str]:
    notes = []
    if odd:
        more = f"; and {len(odd) - NAMED:,} more" if len(odd) > NAMED else ""
        notes.append(f"of {root}, {count:,} pairs, {len(odd):,} files are skipped: {'; '.join(odd[:NAMED])}{more}")
    if empty:
        notes.append(f"{empty:,} of {count:,} masks of {root} show nothing salient")
    return notes
