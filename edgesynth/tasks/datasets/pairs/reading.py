"""Pairs: all are read once to find the sound ones, which are then read from disk when needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.tasks.datasets.pairs.files import Pair
from edgesynth.tasks.datasets.splits import three_parts
from edgesynth.tasks.datasets.summarize import summarize
from edgesynth.tasks.images.decoded import size_of
from edgesynth.tasks.images.normalization import DEVIATION, MEAN, normalized
from edgesynth.tasks.images.pixels import DECODING, UnreadableError, color
from edgesynth.tasks.images.stored import Kept, Stored
from edgesynth.tasks.task import Split


@dataclass(frozen=True)
class Reading:
    """The splits made of the pairs, and what was left out.

    Attributes:
        train: the first part; images (N, 3, S, S), masks as `finish` of `read_pairs` gives them.
        validation: the second.
        test: the third.
        count: pairs that there were.
        notes: what was left out, in one line; empty if nothing was.
        skipped: all of it, a line each.
    """

    train: Split
    validation: Split
    test: Split
    count: int
    notes: list[str]
    skipped: list[str]


def read_pairs(
    root: Path,
    parts: Mapping[str, Sequence[Pair]],
    odd: Sequence[str],
    image_size: int,
    read_mask: Callable[[str], Tensor],
    mask_shape: tuple[int, ...],
) -> Reading:
    """Read all pairs and split them; a pair that cannot be read, or whose two sizes differ, is left out.

    Args:
        root: what messages call them.
        parts: the splits that the data have; see `three_parts`.
        odd: what was left out before, one line each.
        image_size: S, to whose square images are stretched, pixels.
        read_mask: a mask's file to uint8 of `mask_shape`; see `Stored`.
        mask_shape: of one mask.

    Raises:
        UserError: a part has no sound pair, or there are too few to be split.
    """
    kept, read_image = Kept(), partial(color, size=image_size)
    sound: dict[str, list[Pair]] = {}
    skipped = list(odd)
    for part, pairs in three_parts(root, parts).items():
        sound[part] = []
        for pair in pairs:
            try:
                _check_sizes(pair)
                kept(str(pair.image), read_image)
                kept(str(pair.mask), read_mask)
                sound[part].append(pair)
            except UnreadableError as error:
                skipped.append(str(error))
        if not sound[part]:
            raise UserError(f"none of the {len(pairs)} pairs of {root} for {part} is sound: {summarize(skipped)}")

    def split(pairs: Sequence[Pair]) -> Split:
        images = Stored([str(pair.image) for pair in pairs], (3, image_size, image_size), read_image, normalized, kept)
        return Split(images, Stored([str(pair.mask) for pair in pairs], mask_shape, read_mask, as_it_is, kept))

    splits = {part: split(pairs) for part, pairs in sound.items()}
    count = sum(map(len, parts.values()))
    return Reading(**splits, count=count, notes=_notes(root, count, skipped), skipped=skipped)


def preprocessing(image_size: int) -> dict[str, Any]:
    """The steps of `read_pairs` from an image file to a network's input, for deployment."""
    return {
        "source": "RGB images with values 0..255",
        "decode": DECODING,
        "resize": {"size": [image_size, image_size], "mode": "bilinear", "antialias": True},
        "scale": 1 / 255,
        "mean": list(MEAN),
        "std": list(DEVIATION),
    }


def max_shift(image_size: int) -> int:
    """Largest shift of such images in training, pixels."""
    return max(2, image_size // 16)


def as_it_is(pixels: Tensor) -> Tensor:
    """The pixels unchanged: masks are not normalized."""
    return pixels


def _check_sizes(pair: Pair) -> None:
    image, mask = size_of(pair.image), size_of(pair.mask)
    if image != mask:
        raise UnreadableError(
            f"{pair.mask.name} is {mask[0]}x{mask[1]} and its image {pair.image.name} {image[0]}x{image[1]}"
        )


def _notes(root: Path, count: int, skipped: list[str]) -> list[str]:
    if not skipped:
        return []
    return [f"of {root}, {count:,} pairs, {len(skipped):,} files are skipped: {summarize(skipped)}"]
