"""Layouts of data sets, recognized by their files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from edgesynth.tasks.classification.imagefolder import class_splits, images_below, is_hidden
from edgesynth.tasks.datasets.pairs import by_stem
from edgesynth.tasks.datasets.splits import split_folders
from edgesynth.tasks.detection.annotations.coco import FILES, visible_files
from edgesynth.tasks.detection.annotations.kitti import kitti_folders
from edgesynth.tasks.saliency.pairs import EXTRA_METRICS, IMAGES, MASKS
from edgesynth.tasks.segmentation.camvid import masks_folder

MOST_JSON_BYTES = 4 << 30


class Layout(NamedTuple):
    """A layout that is known.

    Attributes:
        task: the task that reads it.
        words: what it looks like.
        fits: whether a folder is of it.
    """

    task: str
    words: str
    fits: Callable[[Path], bool]


def recognized(folder: Path) -> Layout | None:
    """The first layout that fits, the most particular ones first."""
    return next((layout for layout in LAYOUTS if layout.fits(folder)), None)


def is_mask(file: Path, folder: Path) -> bool:
    """Whether a file is a mask or a map of classes, by the folder that it lies in."""
    inside = [part.lower() for part in file.relative_to(folder).parts[:-1]]
    return any(part in MASKS or part.endswith("annot") or part.startswith("segmentation") for part in inside)


def coco_files(folder: Path) -> list[Path]:
    """JSON files that look like COCO's annotations of boxes."""
    files = sorted(path for pattern in FILES for path in visible_files(folder, pattern))
    return [file for file in files if file.stat().st_size <= MOST_JSON_BYTES and _is_coco(file)]


def _is_coco(file: Path) -> bool:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and {"images", "annotations", "categories"} <= content.keys()


def _holds(*names: str) -> Callable[[Path], bool]:
    return lambda folder: any(next(folder.glob(name), None) is not None for name in names)


def _voc(name: str) -> Callable[[Path], bool]:
    """Whether it is in the folder of a year of VOC, given that folder or one above it."""
    return _holds(name, f"*/{name}", f"VOCdevkit/*/{name}")


def _kitti(folder: Path) -> bool:
    """Whether labels are text files: other layouts have folders of the same names."""
    return any(next(labels.glob("*.txt"), None) is not None for _, labels in kitti_folders(folder).values())


def _camvid(folder: Path) -> bool:
    train = split_folders(folder).get("train")
    return train is not None and masks_folder(train).is_dir()


def _masks(folder: Path) -> bool:
    folder = split_folders(folder).get("train", folder)
    names = {entry.name.lower() for entry in folder.iterdir() if entry.is_dir()}
    images, masks = (by_stem(folder.iterdir(), suffixes)[0] for suffixes in EXTRA_METRICS)
    return bool(names & {*IMAGES} and names & {*MASKS}) or bool(images.keys() & masks.keys())


def _classes(folder: Path) -> bool:
    folder = class_splits(folder).get("train", folder)
    return any(images_below(entry) for entry in folder.iterdir() if entry.is_dir() and not is_hidden(entry.name))


LAYOUTS = (
    Layout(
        "cifar10",
        "CIFAR-10",
        _holds("data_batch_1*", "cifar-10-batches-bin/data_batch_1.bin", "cifar-10-batches-py/data_batch_1"),
    ),
    Layout("stl10", "STL-10", _holds("train_X.bin", "stl10_binary/train_X.bin")),
    Layout("svhn", "SVHN", _holds("train_32x32.mat", "*/train_32x32.mat")),
    Layout("mnist", "MNIST", _holds("*-idx3-ubyte*", "raw/*-idx3-ubyte*", "MNIST/raw/*-idx3-ubyte*")),
    Layout(
        "coco", "COCO: a JSON file with images, annotations and categories", lambda folder: bool(coco_files(folder))
    ),
    Layout("voc", "PASCAL VOC: JPEGImages and Annotations", _voc("Annotations/*.[xX][mM][lL]")),
    Layout(
        "voc-segmentation",
        "PASCAL VOC: JPEGImages and SegmentationClass",
        _voc("SegmentationClass"),
    ),
    Layout("kitti", "KITTI: image_2 and label_2, or images and labels", _kitti),
    Layout("camvid", "CamVid: train and trainannot", _camvid),
    Layout("masks", "images and masks", _masks),
    Layout("imagefolder", "a folder of images for each class", _classes),
)
