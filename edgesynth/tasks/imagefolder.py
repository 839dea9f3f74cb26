"""A folder of images for each class, in torchvision's layout: any photographs, one command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgesynth.errors import UserError
from edgesynth.optional import torchvision
from edgesynth.tasks.classification import Classification, Split
from edgesynth.tasks.stored import available_bytes

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, which pretrained networks expect
HELD_OUT = 0.15  # of one folder, for validation and once more for test
MAX_SHIFT = 2
GIB = 1 << 30

Files = Sequence[tuple[str, int]]


def imagefolder(data_root: Path | None = None, image_size: int = 64) -> Classification:
    """Build the task from `DATA_ROOT/{train,val,test}/CLASS/*.jpg`, or from one `DATA_ROOT/CLASS/*.jpg`.

    One folder is shuffled, always in the same way, and split 70/15/15. Without `val`, 15 % of `train` are held out.
    Images are scaled so that their shorter side has `image_size` pixels, cropped to their centre and normalised by
    ImageNet's mean and deviation: (N, 3, image_size, image_size). Training flips and shifts them.

    Args:
        data_root: the folder.
        image_size: side of the images, pixels.

    Raises:
        UserError: no folder was given, a split lacks images or classes, a file is no image, or all of them together
            do not fit into memory.
    """
    if data_root is None:
        raise UserError(
            "the task imagefolder needs --data-root DIR: DIR/train/CLASS/*.jpg with val and test beside train, or "
            "DIR/CLASS/*.jpg to be split"
        )
    classes, train, validation, test = _splits(data_root)
    # The test split is read while the other two are still held.
    _check_memory(data_root, len(train) + len(validation) + len(test), image_size)
    return Classification(
        name="imagefolder",
        train=_read(train, image_size),
        validation=_read(validation, image_size),
        load_test=lambda: _read(test, image_size),
        labels=classes,
        max_shift=MAX_SHIFT,
        flip=True,
        preprocessing={
            "source": "RGB images with values 0..255",
            "resize": {"shorter_side": image_size, "mode": "bilinear", "antialias": True},
            "crop": {"size": [image_size, image_size], "at": "centre"},
            "scale": 1 / 255,
            "mean": list(MEAN),
            "std": list(DEVIATION),
        },
    )


def _splits(root: Path) -> tuple[list[str], Files, Files, Files]:
    if not root.is_dir():
        raise UserError(f"--data-root {root} is not a folder; imagefolder needs one that holds a folder for each class")
    if not (root / "train").is_dir():
        classes, files = _list(root)
        train, validation, test = _shuffled(root, files, HELD_OUT, HELD_OUT)
        return classes, train, validation, test
    if not (root / "test").is_dir():
        raise UserError(f"{root} has train and no test beside it; add test, or give a folder of classes to be split")
    (classes, train), (others, test) = _list(root / "train"), _list(root / "test")
    _check_classes(root, "test", classes, others)
    if not (root / "val").is_dir():
        train, validation = _shuffled(root / "train", train, HELD_OUT)
        return classes, train, validation, test
    others, validation = _list(root / "val")
    _check_classes(root, "val", classes, others)
    return classes, train, validation, test


def _list(folder: Path) -> tuple[list[str], Files]:
    """Names of the classes in alphabetical order, and (file, class) of every image."""
    torchvision()
    from torchvision.datasets import ImageFolder

    try:
        found = ImageFolder(str(folder))
    except FileNotFoundError as error:
        first = str(error).splitlines()[0]
        raise UserError(f"{folder} is not a folder for each class with images in it: {first}") from error
    return found.classes, found.samples


def _shuffled(folder: Path, files: Files, *shares: float) -> tuple[Files, ...]:
    """What is left, then each share, of the files in a shuffle that is always the same."""
    order = torch.randperm(len(files), generator=torch.Generator().manual_seed(0)).tolist()
    counts = [round(share * len(files)) for share in shares]
    if min(counts) < 1 or sum(counts) >= len(files):
        raise UserError(f"{folder} has {len(files)} images, too few to hold {HELD_OUT:.0%} out; give at least 4")
    parts, end = [], len(files)
    for count in reversed(counts):
        parts.append([files[index] for index in order[end - count : end]])
        end -= count
    return ([files[index] for index in order[:end]], *reversed(parts))


def _check_classes(root: Path, part: str, classes: list[str], others: list[str]) -> None:
    if others != classes:
        odd = sorted(set(classes) ^ set(others))
        raise UserError(f"{root / part} and {root / 'train'} have not the same classes: {', '.join(odd)} in one alone")


def _check_memory(root: Path, count: int, size: int) -> None:
    needed, free = count * 3 * size * size * 4, available_bytes()
    if needed > free:
        raise UserError(
            f"the {count:,} images of {root} take {needed / GIB:,.1f} GiB at --image-size {size} and {free / GIB:.1f} "
            "GiB of memory are free; give a smaller --image-size, or fewer images"
        )


def _read(files: Files, size: int) -> Split:
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    images = torch.empty(len(files), 3, size, size)
    for index, (file, _) in enumerate(files):
        pixels = torch.from_numpy(_pixels(file, size)).permute(2, 0, 1)
        images[index] = (pixels / 255 - mean) / deviation
    return Split(images, torch.tensor([label for _, label in files], dtype=torch.int64))


def _pixels(file: str, size: int) -> np.ndarray[Any, Any]:
    """(size, size, 3) uint8 of an image file."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as opened:
            image = opened.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise UserError(
            f"{file} cannot be read as an image ({error}); mend it, or take it out of the folder"
        ) from error
    scale = size / min(image.size)
    width, height = (max(size, round(scale * side)) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - size) // 2, (height - size) // 2
    return np.array(image.crop((left, top, left + size, top + size)))
