"""Pairs of an image and its mask, found by the layouts that saliency data come in.

DIR/images/NAME.jpg  DIR/masks/NAME.png         ECSSD, HKU-IS and most others; other names of the two folders below
DIR/NAME.jpg         DIR/NAME.png               MSRA-B: both in one folder
DIR/{train,val,test}/...                        either of them, split already
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from edgesynth.errors import UserError

IMAGES = ("images", "image", "imgs", "img")
MASKS = ("masks", "mask", "gt", "ground_truth_mask", "ground_truth", "annotation", "annotations")
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
LAYOUTS = (
    "DIR/images/NAME.jpg with DIR/masks/NAME.png (folders imgs and gt, or ground_truth_mask, are known too), or "
    "DIR/NAME.jpg with DIR/NAME.png"
)


class Pair(NamedTuple):
    """An image and its mask, as files."""

    image: Path
    mask: Path


def find_pairs(folder: Path) -> tuple[list[Pair], list[str]]:
    """All pairs of a folder in the order of their names, and what of it is no pair, one line each.

    Raises:
        UserError: it is of no known layout, or holds no pair.
    """
    images, masks, odd = _listed(folder)
    pairs = [Pair(image, masks[stem]) for stem, image in images.items() if stem in masks]
    if not pairs:
        raise UserError(
            f"{folder} has {len(images)} images and {len(masks)} masks, none of the same name; give {LAYOUTS}"
        )
    odd += [f"{image.name} has no mask" for stem, image in images.items() if stem not in masks]
    odd += [f"{mask.name} has no image" for stem, mask in masks.items() if stem not in images]
    return pairs, odd


def _listed(folder: Path) -> tuple[dict[str, Path], dict[str, Path], list[str]]:
    """{stem: image}, {stem: mask}, and files that repeat the name of another."""
    folders = {entry.name.lower(): entry for entry in sorted(folder.iterdir()) if entry.is_dir()}
    image_folder, mask_folder = (
        next((folders[name] for name in names if name in folders), None) for names in (IMAGES, MASKS)
    )
    if image_folder and mask_folder:
        images, repeated = _by_stem(image_folder.iterdir(), SUFFIXES)
        masks, others = _by_stem(mask_folder.iterdir(), SUFFIXES)
        return images, masks, repeated + others
    if image_folder or mask_folder:
        raise UserError(f"{folder} has {(image_folder or mask_folder)} alone; give {LAYOUTS}")
    images, repeated = _by_stem(folder.iterdir(), (".jpg", ".jpeg"))
    masks, others = _by_stem(folder.iterdir(), (".png",))
    return images, masks, repeated + others


def _by_stem(entries: Iterable[Path], suffixes: tuple[str, ...]) -> tuple[dict[str, Path], list[str]]:
    found: dict[str, Path] = {}
    repeated = []
    for entry in sorted(entries):
        if entry.suffix.lower() not in suffixes or not entry.is_file():
            continue
        if entry.stem in found:
            repeated.append(f"{entry.name} is a second file of its name")
        else:
            found[entry.stem] = entry
    return found, repeated
