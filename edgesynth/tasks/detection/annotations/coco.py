"""COCO: one JSON file for all images of a split.

DIR/annotations/instances_train2017.json  DIR/train2017/NAME.jpg    as it is downloaded; train, val and test by name
DIR/{train,valid,test}/_annotations.coco.json                       images beside it, as annotation tools export it
DIR/{train,val,test}.json                                           beside the images, or beside DIR/images
DIR/NAME.json                                                       one file, to be split; images in DIR or DIR/images

Crowds are regions and no objects: they are left out, and counted, as are annotations that are no box. Polygons without
a box have the one around them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgesynth.errors import UserError
from edgesynth.tasks.classification.imagefolder import is_hidden
from edgesynth.tasks.datasets.name_lists import listed_classes
from edgesynth.tasks.detection.annotations.listing import Annotated, Box, Listing

LAYOUT = "DIR/annotations/instances_train2017.json with DIR/train2017/NAME.jpg, or one DIR/NAME.json with DIR/images"
FILES = ("*/_annotations.coco.json", "annotations/*.json", "*.json")  # as exported, as downloaded, or one beside images
PARTS = {"train": ("train",), "val": ("val", "valid"), "test": ("test",)}


def read_coco(root: Path) -> Listing:
    """List a data set in COCO's layout.

    Raises:
        UserError: it is of another layout, a JSON file is damaged or no annotation of COCO's, or its list of classes is
            not sound.
    """
    listing = Listing(classes=listed_classes(root))
    for part, file in _files(root).items():
        document = _document(file)
        try:
            if listing.classes is None:
                ordered = sorted(document["categories"], key=lambda category: category["id"])
                listing.classes = list(dict.fromkeys(str(category["name"]) for category in ordered))
            listing.parts[part] = _annotated(root, file, document, listing)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            why = f"{type(error).__name__}: {error}"
            raise UserError(f"{file} is no annotation of COCO's ({why}); give {LAYOUT}") from None
    return listing


def _files(root: Path) -> dict[str, Path]:
    """The JSON file of each part, train first: its categories are those of all."""
    exported, annotated, here = (visible_files(root, pattern) for pattern in FILES)
    # Beside `instances` lie captions and key points.
    annotated = [file for file in annotated if file.stem.startswith("instances")] or annotated
    files: dict[str, Path] = {}
    for file in [*exported, *annotated] or here:
        # The words of `instances_train2017`, or the name of the folder.
        text = file.parent.name if file in exported else file.stem
        for part, names in PARTS.items():
            if any(word.startswith(names) for word in text.lower().replace("-", "_").split("_")):
                files.setdefault(part, file)
    if "train" in files:
        return {part: files[part] for part in PARTS if part in files}
    single = here or [*exported, *annotated]
    if len(single) != 1:
        raise UserError(f"{root} has {len(single)} JSON files and none of them is of train; give {LAYOUT}")
    return {"all": single[0]}


def visible_files(root: Path, pattern: str) -> list[Path]:
    """The files of a pattern, without those that a system or an editor leaves behind."""
    return sorted(file for file in root.glob(pattern) if not is_hidden(file.name))


def _document(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read as JSON ({error}); give {LAYOUT}") from None
    if not isinstance(document, dict) or not {"images", "annotations", "categories"} <= document.keys():
        raise UserError(f"{file} has no images, annotations and categories; give {LAYOUT}")
    return document


def _annotated(root: Path, file: Path, document: dict[str, Any], listing: Listing) -> list[Annotated]:
    told = file.relative_to(root)
    images = _images(told, document, listing)
    boxes = _boxes(told, document, images, listing)
    split = file.stem.removeprefix("instances_")
    folders = [root / split, root / "images" / split, file.parent, root / "images", root]
    listed = []
    for number, (name, size) in images.items():
        path = next((folder / name for folder in folders if (folder / name).is_file()), None)
        if path is None:
            listing.skip("annotation without an image", f"{name} of {told} is not there")
            continue
        listed.append(Annotated(path, tuple(boxes[number]), size))
    return listed


def _images(file: Path, document: dict[str, Any], listing: Listing) -> dict[Any, tuple[str, tuple[int, int] | None]]:
    """File name of each image, and its width and height where they are told, by its id."""
    images: dict[Any, tuple[str, tuple[int, int] | None]] = {}
    for place, image in enumerate(document["images"], 1):
        entry = f"{file} image number {place}"
        try:
            sides = [image[side] for side in ("width", "height") if side in image]
            size = (int(sides[0]), int(sides[1])) if len(sides) == 2 and all(sides) else None
            if image["id"] in images:
                listing.skip("image with another's id", f"{entry} has the id {image['id']} of another")
            else:
                images[image["id"]] = (str(image["file_name"]), size)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            line = f"{entry} is no image with an id and a file name ({type(error).__name__}: {error})"
            listing.skip("entry that is no image", line)
    return images


def _boxes(file: Path, document: dict[str, Any], images: Iterable[Any], listing: Listing) -> dict[Any, list[Box]]:
    """Those of each image, by its id."""
    names = {category["id"]: str(category["name"]) for category in document["categories"]}
    boxes: dict[Any, list[Box]] = {image: [] for image in images}
    for place, annotation in enumerate(document["annotations"], 1):
        number = f"{file} annotation number {place}"
        try:
            number = f"{file} annotation {annotation.get('id', f'number {place}')}"
            kind, image = annotation.get("category_id"), annotation.get("image_id")
            if annotation.get("iscrowd"):
                listing.drop("crowd", f"{number} is a crowd")
            elif kind not in names:
                listing.drop("box of an unknown class", f"{number} is of the unknown category {kind}")
            elif image not in boxes:
                listing.drop("box of an unknown image", f"{number} is of the unknown image {image}")
            else:
                boxes[image].append(Box(names[kind], *_corners(annotation)))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            why = f"{type(error).__name__}: {error}"
            line = f"{number} is no box with a class, an image and four numbers ({why})"
            listing.drop("annotation that is no box", line)
    return boxes


def _corners(annotation: dict[str, Any]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom: of its box, or where it has none around its polygons."""
    if annotation.get("bbox"):
        left, top, width, height = (float(value) for value in annotation["bbox"])
        return left, top, left + max(width, 0.0), top + max(height, 0.0)
    if not isinstance(polygons := annotation.get("segmentation"), list):
        raise ValueError("neither bbox nor polygons")
    across = [float(value) for polygon in polygons for value in polygon[::2]]
    down = [float(value) for polygon in polygons for value in polygon[1::2]]
    return min(across), min(down), max(across), max(down)
