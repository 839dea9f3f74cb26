"""KITTI's object benchmark: a text file for each image, a line for each object.

DIR/training/image_2/NAME.png  DIR/training/label_2/NAME.txt   as it is downloaded; `training` may be left out
DIR/{train,val,test}/images    DIR/{train,val,test}/labels     split already, as DIGITS wants it for DetectNet

A line is: type, truncation, occlusion, angle, left, top, right, bottom (pixels from 0), and seven figures of space that
are not used. Regions of `DontCare` are no objects.
"""

from __future__ import annotations

import math
from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.tasks.datasets.name_lists import listed_classes
from edgesynth.tasks.datasets.pairs import by_stem
from edgesynth.tasks.datasets.splits import split_folders
from edgesynth.tasks.detection.annotations.listing import Annotated, Box, Listing

LAYOUT = "DIR/training/image_2/NAME.png with DIR/training/label_2/NAME.txt, or DIR/train/images with DIR/train/labels"
PAIRS = (("image_2", "label_2"), ("images", "labels"))
WHOLE = "training"  # KITTI's own name for all that is annotated: what it calls testing has no labels
NO_OBJECT = "DontCare"


def read_kitti(root: Path) -> Listing:
    """List a data set in KITTI's layout.

    Raises:
        UserError: it is of another layout, or its list of classes is not sound.
    """
    listing = Listing(classes=listed_classes(root))
    pairs = kitti_folders(root)
    if not pairs:
        raise UserError(f"{root} has no folder of images with one of labels beside it; give {LAYOUT}")
    for part, (images, labels) in pairs.items():
        listing.parts[part] = []
        files, repeated = by_stem(images.iterdir())
        for line in repeated:
            listing.skip("second file of a name", line)
        for stem, image in files.items():
            path = labels / f"{stem}.txt"
            if not path.is_file():
                listing.skip("image without an annotation", f"{image.name} has no label file")
                continue
            listing.parts[part].append(Annotated(image, _boxes(path, listing)))
    return listing


def kitti_folders(root: Path) -> dict[str, tuple[Path, Path]]:
    """The folders of images and of labels of each part; none if it is of another layout."""
    parts = {part: pair for part, folder in split_folders(root).items() if (pair := _pair(folder))}
    if "train" in parts and (len(parts) > 1 or parts["train"][0].parent.name != WHOLE):
        return parts
    whole = _pair(root / WHOLE) or _pair(root)
    return {"all": whole} if whole else {}


def _pair(folder: Path) -> tuple[Path, Path] | None:
    for images, labels in PAIRS:
        if (folder / images).is_dir() and (folder / labels).is_dir():
            return folder / images, folder / labels
    return None


def _boxes(path: Path, listing: Listing) -> tuple[Box, ...]:
    boxes = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), 1):
        fields = line.split()
        if not fields or fields[0] == NO_OBJECT:
            continue
        try:
            left, top, right, bottom = (float(value) for value in fields[4:8])
            if not all(map(math.isfinite, (left, top, right, bottom))) or _is_yolo(fields):
                raise ValueError
        except ValueError:
            listing.drop("line that is no label", f"{path.name} line {number} is no label of KITTI's")
            continue
        boxes.append(Box(fields[0], left, top, right, bottom))
    return tuple(boxes)


def _is_yolo(fields: list[str]) -> bool:
    """Whether a line is of a layout with the same folders: the number of a class, and a polygon in shares."""
    return fields[0].isdigit() and all(abs(float(value)) <= 1 for value in fields[4:8])
