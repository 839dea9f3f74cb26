"""`--task voc-segmentation:DIR`: PASCAL VOC's segmentation in its own layout, or your own data in it.

DIR/JPEGImages/NAME.jpg
DIR/SegmentationClass/NAME.png                        masks with VOC's palette: 0 is background, 255 void
DIR/ImageSets/Segmentation/{train,val,test}.txt       one NAME a line
DIR/classes.txt                                       your own classes instead of VOC's, one a line

DIR may be the folder above too, be it VOCdevkit or the one that `torchvision.datasets.VOCSegmentation(root)` was given.
VOC gives no masks of its test images: then val.txt is the test split, and 10 % of train.txt are held out.
"""

from __future__ import annotations

from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.tasks.datasets.folder import folder_of
from edgesynth.tasks.datasets.name_lists import names_in, take
from edgesynth.tasks.datasets.pairs import by_stem, matched
from edgesynth.tasks.datasets.voc_year import IMAGES, year_of
from edgesynth.tasks.segmentation.building import Parts, build, own_classes
from edgesynth.tasks.segmentation.class_map import VOID
from edgesynth.tasks.segmentation.segmentation import Segmentation

CLASSES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "dining table",
    "dog",
    "horse",
    "motorbike",
    "person",
    "potted plant",
    "sheep",
    "sofa",
    "train",
    "tv monitor",
)
MASKS, LISTS = "SegmentationClass", "ImageSets/Segmentation"
LAYOUT = f"DIR/{IMAGES}/NAME.jpg with DIR/{MASKS}/NAME.png and DIR/{LISTS}/train.txt"


def voc_segmentation(data_root: Path | None = None, image_size: int = 64) -> Segmentation:
    """Build the task; see `build` for what becomes of the images.

    See `three_parts` for what is done about a split that is missing.

    Args:
        data_root: the folder.
        image_size: side of the images, pixels.

    Raises:
        UserError: no folder was given, it is of another layout, an image is in two lists, or too few pairs are sound.
    """
    root = year_of(folder_of("voc-segmentation", data_root, LAYOUT), LAYOUT)
    return build("voc-segmentation", root, _parts(root), own_classes(root) or CLASSES, VOID, image_size)


def _parts(root: Path) -> Parts:
    for folder in (MASKS, LISTS):
        if not (root / folder).is_dir():
            raise UserError(f"{root} has no {folder}; give {LAYOUT}")
    images, repeated = by_stem((root / IMAGES).iterdir())
    masks, others = by_stem((root / MASKS).iterdir())
    taken: dict[str, Path] = {}
    lists = {part: _listed(root, part, taken) for part in ("train", "val", "test")}
    if not lists["train"]:
        raise UserError(f"{root / LISTS} has no train.txt that names an image; give {LAYOUT}")
    if not any(name in masks for name in lists["test"]):
        lists["test"] = []
    odd, parts = repeated + others, {}
    for part, names in lists.items():
        odd += [f"{name} of {part}.txt has no image" for name in names if name not in images]
        chosen = {name: images[name] for name in names if name in images}
        parts[part], alone = matched(chosen, {name: masks[name] for name in chosen if name in masks})
        odd += alone
    return {part: pairs for part, pairs in parts.items() if pairs}, odd


def _listed(root: Path, part: str, taken: dict[str, Path]) -> list[str]:
    """Names of a list, in its order, entered as taken by it; none where there is no such list."""
    file = root / LISTS / f"{part}.txt"
    if not file.is_file():
        return []
    names = list(dict.fromkeys(names_in(file)))
    take(names, file, taken)
    return names
