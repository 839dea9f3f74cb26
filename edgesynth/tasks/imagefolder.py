"""A folder of images for each class, in torchvision's layout: any photographs, one command."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from edgesynth.errors import UserError
from edgesynth.tasks.classification import Classification, Split
from edgesynth.tasks.few import few
from edgesynth.tasks.normalising import DEVIATION, MEAN, normalised
from edgesynth.tasks.pixels import DECODING, UnreadableError, centred, size_of
from edgesynth.tasks.stored import SHARE, Kept, Stored, available_bytes

HELD_OUT = 0.15  # of one folder, for validation and once more for test
MAX_SHIFT = 2
SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # torchvision's
COARSE = 20  # validation images below which each is worth 5 points and more

Files = Sequence[tuple[str, int]]


def imagefolder(data_root: Path | None = None, image_size: int = 64, most_bytes: int | None = None) -> Classification:
    """Build the task from `DATA_ROOT/{train,val,test}/CLASS/*.jpg`, or from one `DATA_ROOT/CLASS/*.jpg`.

    One folder is shuffled, always in the same way, and split 70/15/15. Without `val`, 15 % of `train` are held out.
    Images are scaled so that their shorter side has `image_size` pixels, cropped to their centre and normalised by
    ImageNet's mean and deviation: (N, 3, image_size, image_size). Training flips and shifts them. A file that cannot be
    read is left out of its split and told of in `notes`.

    Args:
        data_root: the folder.
        image_size: side of the images, pixels.
        most_bytes: memory that all of them may take; more are read from disk, each time they are asked for. By default
            a quarter of what is free.

    Raises:
        UserError: no folder was given, or a split lacks images or classes.
    """
    if data_root is None:
        raise UserError(
            "the task imagefolder needs its folder, as in --task imagefolder:DIR: DIR/train/CLASS/*.jpg with val and "
            "test beside train, or DIR/CLASS/*.jpg to be split"
        )
    classes, *parts = find_splits(data_root)
    count = sum(map(len, parts))
    bound = int(SHARE * available_bytes()) if most_bytes is None else most_bytes
    held = count * 3 * image_size * image_size * 4 <= bound
    kept, odd, splits = Kept(bound), [], []
    for part in parts:
        split, broken = _read(part, image_size, kept, held)
        if not len(split.labels):
            raise UserError(f"{data_root} has no readable image left for a split of {len(part)}: {few(broken)}")
        splits.append(split)
        odd += broken
    train, validation, test = splits
    missing = sorted(set(range(len(classes))) - set(train.targets.tolist()))
    if missing:
        names = ", ".join(classes[label] for label in missing)
        raise UserError(f"{data_root} has no image to train on of {names}; add some, or take its folder away")
    return Classification(
        name="imagefolder",
        train=train,
        validation=validation,
        load_test=partial(_given, test),
        labels=classes,
        max_shift=MAX_SHIFT,
        flip=True,
        preprocessing={
            "source": "RGB images with values 0..255",
            "decode": DECODING,
            "resize": {"shorter_side": image_size, "mode": "bilinear", "antialias": True},
            "crop": {"size": [image_size, image_size], "at": "centre"},
            "scale": 1 / 255,
            "mean": list(MEAN),
            "std": list(DEVIATION),
        },
        notes=_notes(data_root, classes, count, odd, validation, held),
    )


def find_splits(root: Path) -> tuple[list[str], Files, Files, Files]:
    """Names of the classes, and the files of train, validation and test.

    Raises:
        UserError: the folder is missing, of another layout, too small, or a class has no image.
    """
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
    """Names of the classes in alphabetical order, and (file, class) of every image, as torchvision lists them."""
    classes = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not is_hidden(entry.name))
    files = []
    for label, name in enumerate(classes):
        for place, _, names in sorted(os.walk(folder / name, followlinks=True)):
            files += [(os.path.join(place, one), label) for one in sorted(names) if is_image(one)]
    if not files:
        raise UserError(f"{folder} is not a folder for each class with images in it; {_kinds()}")
    counts = Counter(label for _, label in files)
    empty = [name for label, name in enumerate(classes) if not counts[label]]
    if empty:
        raise UserError(f"{folder} has no image of {', '.join(empty)}; add some, or take the folder away ({_kinds()})")
    if len(classes) < 2:
        raise UserError(f"{folder} has one class, {classes[0]}; at least 2 are needed, each a folder")
    return classes, files


def is_image(name: str) -> bool:
    """Whether a file counts as an image, by its name."""
    return name.lower().endswith(SUFFIXES) and not is_hidden(name)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is what a system or an editor leaves behind."""
    return name.startswith(".") or name == "__MACOSX"


def _kinds() -> str:
    return f"images are {', '.join(SUFFIXES)}"


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


def _read(files: Files, size: int, kept: Kept, held: bool) -> tuple[Split, list[str]]:
    """A split of what can be read, and what is wrong with the others.

    Of files that are not held the heads alone are read: one that is cut short shows when it is first asked for.
    """
    read = partial(centred, size=size)
    images = torch.empty(len(files) if held else 0, 3, size, size)
    sound: list[tuple[str, int]] = []
    broken: list[str] = []
    for file, label in files:
        try:
            if held:
                images[len(sound)] = normalised(read(file)[None])[0]
            else:
                size_of(file)
            sound.append((file, label))
        except UnreadableError as error:
            broken.append(str(error))
    labels = torch.tensor([label for _, label in sound], dtype=torch.int64)
    if held:
        return Split(images[: len(sound)], labels), broken
    return Split(Stored([file for file, _ in sound], (3, size, size), read, normalised, kept), labels), broken


def _given(split: Split) -> Split:
    return split


def _notes(root: Path, classes: list[str], count: int, odd: list[str], validation: Split, held: bool) -> list[str]:
    notes = []
    if odd:
        notes.append(f"of {root}, {count:,} images, {len(odd):,} are skipped: {few(odd)}")
    if not held:
        notes.append(f"the {count:,} images of {root} are more than memory should hold and are read from disk")
    if len(validation.labels) < COARSE:
        points = 100 / len(validation.labels)
        notes.append(
            f"validation has {len(validation.labels)} images, each worth {points:.1f} points of accuracy; with "
            "so few, --min-accuracy and the choice of the best are coarse"
        )
    unseen = set(range(len(classes))) - set(validation.targets.tolist())
    if unseen:
        notes.append(f"validation has no image of {', '.join(classes[label] for label in sorted(unseen))}")
    return notes
