"""Boxes of PASCAL VOC, KITTI and COCO, looked over file by file."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from edgesynth.tasks.pixels import UnreadableError, size_of
from edgesynth.tasks.survey.layouts import coco_files, kitti_folder

EDGE = 1.0  # pixels that a box may reach beyond its image: VOC counts from 1, and boxes are rounded
IGNORED = "DontCare"  # KITTI's regions that are not judged


class Annotated(NamedTuple):
    """The boxes of one image.

    Attributes:
        source: file that they stand in.
        image: the image's file; None where it is not there.
        boxes: (class, (left, top, right, bottom)), pixels.
    """

    source: Path
    image: Path | None
    boxes: list[tuple[str, tuple[float, float, float, float]]]


class UnreadableBoxesError(Exception):
    """An annotation that is not of its format."""


def look_at_boxes(task: str, folder: Path) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Boxes of each class, and {what is wrong: where}."""
    counts: Counter[str] = Counter()
    wrong: dict[str, list[str]] = {}
    for one in READERS[task](folder):
        if isinstance(one, str):
            wrong.setdefault("annotation cannot be read", []).append(one)
            continue
        if one.image is None:
            wrong.setdefault("annotation without an image", []).append(str(one.source))
        if not one.boxes:
            wrong.setdefault("annotation without a box", []).append(str(one.source))
        for kind, box in one.boxes:
            counts[kind] += 1
            for fault in _faults(box, one.image):
                wrong.setdefault(fault, []).append(f"{one.source}: {kind} {' '.join(f'{side:g}' for side in box)}")
    return dict(sorted(counts.items())), wrong


def _faults(box: tuple[float, float, float, float], image: Path | None) -> list[str]:
    left, top, right, bottom = box
    if not (right > left and bottom > top):
        return ["box of no area"]
    try:
        width, height = size_of(image) if image else (float("inf"), float("inf"))
    except UnreadableError:
        return []  # told of where images are looked at
    inside = left >= -EDGE and top >= -EDGE and right <= width + EDGE and bottom <= height + EDGE
    return [] if inside else ["box outside its image"]


def _voc(folder: Path) -> Iterator[Annotated | str]:
    for file in sorted((folder / "Annotations").glob("*.xml")):
        try:
            root = ElementTree.parse(file).getroot()
            name = root.findtext("filename") or f"{file.stem}.jpg"
            places = [folder / "JPEGImages" / one for one in (name, f"{file.stem}.jpg", f"{file.stem}.png")]
            boxes = [(_text(one, "name"), _voc_box(one)) for one in root.iter("object")]
        except (ElementTree.ParseError, UnreadableBoxesError, ValueError) as error:
            yield f"{file} ({error})"
            continue
        yield Annotated(file, next((place for place in places if place.is_file()), None), boxes)


def _voc_box(thing: ElementTree.Element) -> tuple[float, float, float, float]:
    box = thing.find("bndbox")
    if box is None:
        raise UnreadableBoxesError("an object without a bndbox")
    left, top, right, bottom = (float(_text(box, side)) for side in ("xmin", "ymin", "xmax", "ymax"))
    return left, top, right, bottom


def _text(element: ElementTree.Element, name: str) -> str:
    text = element.findtext(name)
    if not text:
        raise UnreadableBoxesError(f"no {name}")
    return text.strip()


def _kitti(folder: Path) -> Iterator[Annotated | str]:
    root = kitti_folder(folder) or folder
    for file in sorted((root / "label_2").glob("*.txt")):
        boxes = []
        try:
            for line in file.read_text(encoding="utf-8").splitlines():
                words = line.split()
                if words and words[0] != IGNORED:
                    left, top, right, bottom = map(float, words[4:8])
                    boxes.append((words[0], (left, top, right, bottom)))
        except ValueError as error:
            yield f"{file} ({error})"
            continue
        places = [root / "image_2" / f"{file.stem}{suffix}" for suffix in (".png", ".jpg")]
        yield Annotated(file, next((place for place in places if place.is_file()), None), boxes)


def _coco(folder: Path) -> Iterator[Annotated | str]:
    files = {path.name: path for path in sorted(folder.rglob("*")) if path.suffix.lower() not in ("", ".json")}
    for source in coco_files(folder):
        content = json.loads(source.read_text(encoding="utf-8"))
        try:
            names = {one["id"]: str(one["name"]) for one in content["categories"]}
            boxes: dict[object, list[tuple[str, tuple[float, float, float, float]]]] = {
                one["id"]: [] for one in content["images"]
            }
            for one in content["annotations"]:
                left, top, width, height = map(float, one["bbox"])
                kind = names.get(one["category_id"], f"unknown class {one['category_id']}")
                boxes[one["image_id"]].append((kind, (left, top, left + width, top + height)))
            images = [(one["id"], str(one["file_name"])) for one in content["images"]]
        except (KeyError, TypeError, ValueError) as error:
            yield f"{source} ({type(error).__name__}: {error})"
            continue
        for number, name in images:
            place = source.parent / f"{source.name}: {name}"
            yield Annotated(place, files.get(Path(name).name), boxes[number])


READERS = {"voc": _voc, "kitti": _kitti, "coco": _coco}
