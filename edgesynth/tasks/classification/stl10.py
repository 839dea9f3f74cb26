"""STL-10 from its binary form, `stl10_binary.tar.gz`, which torchvision.datasets.STL10 unpacks too."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.tasks.classification.classification import Classification, Split
from edgesynth.tasks.classification.packed import (
    check_labels,
    held_out,
    official_folder,
    packed_split,
    preprocessing,
    records,
    unofficial,
)

LABELS = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"]
FOLDER = "stl10_binary"
FILES = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin")
GET = "unpack stl10_binary.tar.gz of https://cs.stanford.edu/~acoates/stl10/ there"
VALIDATION, OFFICIAL, SIDE = 500, 5000, 96


def stl10(data_root: Path | None = None, most_bytes: int | None = None) -> Classification:
    """Build the task; 500 training images (in a fixed shuffle) are held out for selection.

    Images are (N, 3, 96, 96), normalized by ImageNet's mean and deviation. Training flips and shifts them. The images
    without labels are not used.

    Args:
        data_root: folder that holds `stl10_binary`, or that folder itself.
        most_bytes: memory that the numbers of the training images may take; a quarter of what is free by default.

    Raises:
        UserError: no root was given, or files are missing or damaged.
    """
    folder = official_folder("stl10", data_root, (FOLDER,), FILES, GET)
    whole = _read(folder, "train", most_bytes)
    train, validation = held_out(whole, VALIDATION)
    return Classification(
        name="stl10",
        train=train,
        validation=validation,
        load_test=partial(_read, folder, "test", most_bytes),
        labels=LABELS,
        max_shift=8,
        flip=True,
        preprocessing=preprocessing("96x96 RGB images with values 0..255"),
        notes=unofficial("stl10", len(whole.labels), OFFICIAL),
    )


def _read(folder: Path, part: str, most_bytes: int | None) -> Split:
    pixels = records(folder / f"{part}_X.bin", 3 * SIDE * SIDE)
    labels = records(folder / f"{part}_y.bin", 1)[:, 0]
    if len(pixels) != len(labels):
        raise UserError(f"{folder} has {len(pixels):,} images and {len(labels):,} labels for {part}; fetch them again")
    check_labels(folder / f"{part}_y.bin", labels, 1, len(LABELS))
    # An image is stored column by column.
    return packed_split(pixels.reshape(-1, 3, SIDE, SIDE).transpose(0, 1, 3, 2), labels - 1, most_bytes)
