"""A folder of images for each class, in torchvision's layout: any photographs, one command."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path

import torch

from edgesynth.errors import UserError
from edgesynth.tasks.classification.classification import Classification, Split
from edgesynth.tasks.datasets.folder import folder_of
from edgesynth.tasks.datasets.shuffling import stratified
from edgesynth.tasks.datasets.splits import idle_folders, split_folders, three_parts
from edgesynth.tasks.datasets.summarize import summarize
from edgesynth.tasks.images.free_memory import available_bytes
from edgesynth.tasks.images.normalization import DEVIATION, MEAN, normalized
from edgesynth.tasks.images.pixels import DECODING, UnreadableError, centered
from edgesynth.tasks.images.stored import SHARE, Kept, Stored, in_memory
from edgesynth.tasks.images.truncation import check_not_truncated

LAYOUT = "DIR/train/CLASS/*.jpg with val and test beside train, or DIR/CLASS/*.jpg to be split"
HELD_OUT = 0.15  # of one folder, for validation and once more for test
MAX_SHIFT = 2
SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # torchvision's
COARSE = 20  # validation images below which each is worth 5 points and more

Files = list[tuple[str, int]]


def imagefolder(data_root: Path | None = None, image_size: int = 64, most_bytes: int | None = None) -> Classification:
    """Build the task from `DATA_ROOT/{train,val,test}/CLASS/*.jpg`, or from one `DATA_ROOT/CLASS/*.jpg`.

    One folder is shuffled, always in the same way, and split 70/15/15 with the share of each class; see `three_parts`
    for what is done about a split that is missing. Images are scaled so that their shorter side has `image_size`
    pixels, cropped to their center and normalized by ImageNet's mean and deviation: (N, 3, image_size, image_size).
    Training flips and shifts them. A file that cannot be read is left out and reported in `notes`.

    Args:
        data_root: the folder.
        image_size: side of the images, pixels.
        most_bytes: memory that all of them may take; more are read from disk, each time they are asked for. By default
            a quarter of what is free.

    Raises:
        UserError: no folder was given, or a split lacks images or classes.
    """
    root = folder_of("imagefolder", data_root, LAYOUT)
    classes, listed = _listed(root)
    count = sum(map(len, listed.values()))
    bound = int(SHARE * available_bytes()) if most_bytes is None else most_bytes
    held = count * 3 * image_size * image_size * 4 <= bound
    kept, read = Kept(bound), partial(centered, size=image_size)
    listed_parts = three_parts(root, listed, stratified, (HELD_OUT, HELD_OUT))
    parts, broken = _sound(root, listed_parts, (lambda file: kept(file, read)) if held else check_not_truncated)
    if missing := _missing(classes, parts["train"]):
        raise UserError(f"{root} has no readable image of {missing} to train on; add some, or take its folder away")
    splits = {}
    for part, files in parts.items():
        images = Stored([file for file, _ in files], (3, image_size, image_size), read, normalized, kept)
        splits[part] = Split(in_memory(images) if held else images, torch.tensor([label for _, label in files]))
    return Classification(
        name="imagefolder",
        train=splits["train"],
        validation=splits["validation"],
        load_test=splits["test"].itself,
        labels=classes,
        max_shift=MAX_SHIFT,
        flip=True,
        preprocessing={
            "source": "RGB images with values 0..255",
            "decode": DECODING,
            "resize": {"shorter_side": image_size, "mode": "bilinear", "antialias": True},
            "crop": {"size": [image_size, image_size], "at": "center"},
            "scale": 1 / 255,
            "mean": list(MEAN),
            "std": list(DEVIATION),
        },
        skipped=broken,
        notes=[*_left_out(root, count, broken, held), *_coarse(classes, parts)],
    )


def _listed(root: Path) -> tuple[list[str], dict[str, Files]]:
    """Names of the classes, and the files of each split that there is.

    Raises:
        UserError: the folder is of another layout, or a class has no image.
    """
    folders = class_splits(root)
    if not folders:
        classes, files = _list(root)
        return classes, {"all": files}
    listed = {part: _list(folder) for part, folder in folders.items()}
    classes = listed["train"][0]
    for part, (others, _) in listed.items():
        if others != classes:
            odd = ", ".join(sorted(set(classes) ^ set(others)))
            raise UserError(f"{folders[part]} and {folders['train']} have not the same classes: {odd} in one alone")
    return classes, {part: files for part, (_, files) in listed.items()}


def class_splits(root: Path) -> dict[str, Path]:
    """As `split_folders`, unless `train` is a class: it holds no folders, and there is neither val nor test."""
    folders = split_folders(root)
    is_class = folders.keys() == {"train"} and not _class_folders(folders["train"]) and idle_folders(root, folders)
    return {} if is_class else folders


def _class_folders(folder: Path) -> list[str]:
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not is_hidden(entry.name))


def _sound(root: Path, listed: dict[str, Files], read: Callable[[str], object]) -> tuple[dict[str, Files], list[str]]:
    """The files of each part that can be read, and what is wrong with the others."""
    sound: dict[str, Files] = {part: [] for part in listed}
    broken = []
    for part, files in listed.items():
        for file, label in files:
            try:
                read(file)
                sound[part].append((file, label))
            except UnreadableError as error:
                broken.append(str(error))
        if not sound[part]:
            raise UserError(f"none of the {len(files)} images of {root} for {part} can be read: {summarize(broken)}")
    return sound, broken


def _list(folder: Path) -> tuple[list[str], Files]:
    """Names of the classes in alphabetical order, and (file, class) of every image, as torchvision lists them."""
    classes = _class_folders(folder)
    files = []
    for label, name in enumerate(classes):
        files += [(file, label) for file in images_below(folder / name, {os.path.realpath(folder)})]
    if not files:
        raise UserError(f"{folder} is not a folder for each class with images in it; {_kinds()}")
    counts = Counter(label for _, label in files)
    empty = [name for label, name in enumerate(classes) if not counts[label]]
    if empty:
        raise UserError(f"{folder} has no image of {', '.join(empty)}; add some, or take the folder away ({_kinds()})")
    if len(classes) < 2:
        raise UserError(f"{folder} has one class, {classes[0]}; at least 2 are needed, each a folder")
    return classes, files


def images_below(folder: Path, above: AbstractSet[str] = frozenset()) -> list[str]:
    """All image files in a folder and in those below, folder by folder in the order of their names.

    Links are followed, but to no folder a second time, nor to those `above`; hidden folders are passed over.
    """
    by_folder: list[tuple[str, list[str]]] = []
    seen = set(above)
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not is_hidden(name)]
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        by_folder.append((place, sorted(filter(is_image, names))))
    return [os.path.join(place, name) for place, names in sorted(by_folder) for name in names]


def is_image(name: str) -> bool:
    """Whether a file counts as an image, by its name."""
    return name.lower().endswith(SUFFIXES) and not is_hidden(name)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is what a system or an editor leaves behind."""
    return name.startswith(".") or name == "__MACOSX"


def _kinds() -> str:
    return f"images are {', '.join(SUFFIXES)}"


def _left_out(root: Path, count: int, broken: list[str], held: bool) -> list[str]:
    notes = []
    if broken:
        notes.append(f"of {root}, {count:,} images, {len(broken):,} are skipped: {summarize(broken)}")
    if not held:
        notes.append(f"the {count:,} images of {root} are more than memory should hold and are read from disk")
    if idle := idle_folders(root, class_splits(root)):
        notes.append(f"{root} has folders beside its splits that are not used: {', '.join(idle)}")
    return notes


def _coarse(classes: list[str], parts: dict[str, Files]) -> list[str]:
    """A note on splits that are too small to show small differences of accuracy."""
    notes, count = [], len(parts["validation"])
    if count < COARSE:
        notes.append(
            f"validation has {count} images, each worth {100 / count:.1f} points of accuracy; with "
            "so few, --min-accuracy and the choice of the best are coarse"
        )
    for part in ("validation", "test"):
        if missing := _missing(classes, parts[part]):
            notes.append(f"{part} has no image of {missing}")
    return notes


def _missing(classes: list[str], files: Files) -> str:
    """Classes that have no file, in words; empty if all have."""
    seen = {label for _, label in files}
    return ", ".join(name for label, name in enumerate(classes) if label not in seen)
