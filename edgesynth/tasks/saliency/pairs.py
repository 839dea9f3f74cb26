"""Pairs of an image and its mask, found by the layouts that saliency data come in.

DIR/images/NAME.jpg  DIR/masks/NAME.png         ECSSD, HKU-IS and most others; other names of the two folders below
DIR/NAME.jpg         DIR/NAME.png               MSRA-B: both in one folder
DIR/{train,val,test}/...                        either of them, split already
"""

from __future__ import annotations

from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.tasks.datasets.pairs import Pair, by_stem, matched

IMAGES = ("images", "image", "imgs", "img")
MASKS = ("masks", "mask", "gt", "ground_truth_mask", "ground_truth", "annotation", "annotations")
EXTRA_METRICS = (".jpg", ".jpeg"), (".png",)  # of images and of masks in one folder
LAYOUTS = (
    "DIR/images/NAME.jpg with DIR/masks/NAME.png (folders imgs and gt, or ground_truth_mask, are known too), or "
    "DIR/NAME.jpg with DIR/NAME.png"
)


def find_pairs(folder: Path) -> tuple[list[Pair], list[str]]:
    """All pairs of a folder in the order of their names, and what of it is no pair, one line each.

    Raises:
        UserError: it is of no known layout, or holds no pair.
    """
    images, masks, odd = _listed(folder)
    pairs, alone = matched(images, masks)
    if not pairs:
        raise UserError(
            f"{folder} has {len(images)} images and {len(masks)} masks, none of the same name; give {LAYOUTS}"
        )
    return pairs, odd + alone


def _listed(folder: Path) -> tuple[dict[str, Path], dict[str, Path], list[str]]:
    """{stem: image}, {stem: mask}, and files that repeat the name of another."""
    folders = {entry.name.lower(): entry for entry in sorted(folder.iterdir()) if entry.is_dir()}
    image_folder, mask_folder = (
        next((folders[name] for name in names if name in folders), None) for names in (IMAGES, MASKS)
    )
    if image_folder and mask_folder:
        images, repeated = by_stem(image_folder.iterdir())
        masks, others = by_stem(mask_folder.iterdir())
        return images, masks, repeated + others
    if image_folder or mask_folder:
        raise UserError(f"{folder} has {(image_folder or mask_folder)} alone; give {LAYOUTS}")
    (images, repeated), (masks, others) = (by_stem(folder.iterdir(), suffixes) for suffixes in EXTRA_METRICS)
    return images, masks, repeated + others
