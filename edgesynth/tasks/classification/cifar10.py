"""CIFAR-10 from its binary form, `cifar-10-binary.tar.gz`: records of a label and 3x32x32 pixels.

The form that torchvision downloads is made of Python pickles, which can run code when they are read; it is refused.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

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

LABELS = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
TRAIN, TEST = tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"
FOLDER, PICKLED, ARCHIVE = "cifar-10-batches-bin", "cifar-10-batches-py", "cifar-10-binary.tar.gz"
GET = f"unpack {ARCHIVE} (CIFAR-10 binary version, for C programs) of https://www.cs.toronto.edu/~kriz/cifar.html there"
VALIDATION, OFFICIAL = 5000, 50_000
RECORD = 1 + 3 * 32 * 32


def cifar10(data_root: Path | None = None, most_bytes: int | None = None) -> Classification:
    """Build the task; 5,000 training images (in a fixed shuffle) are held out for selection.

    Images are (N, 3, 32, 32), normalized by ImageNet's mean and deviation. Training flips and shifts them.

    Args:
        data_root: folder that holds `cifar-10-batches-bin`, or that folder itself.
        most_bytes: memory that the numbers of the training images may take; a quarter of what is free by default.

    Raises:
        UserError: no root was given, or files are missing, damaged, or of the pickled form.
    """
    if data_root is not None and not any((data_root / part / TRAIN[0]).is_file() for part in (".", FOLDER)):
        _refuse_pickles(data_root)
    folder = official_folder("cifar10", data_root, (FOLDER,), (*TRAIN, TEST), GET)
    whole = _read([folder / name for name in TRAIN], most_bytes)
    train, validation = held_out(whole, VALIDATION)
    return Classification(
        name="cifar10",
        train=train,
        validation=validation,
        load_test=partial(_read, [folder / TEST], most_bytes),
        labels=LABELS,
        max_shift=4,
        flip=True,
        preprocessing=preprocessing("32x32 RGB images with values 0..255"),
        notes=unofficial("cifar10", len(whole.labels), OFFICIAL),
    )


def _read(files: list[Path], most_bytes: int | None) -> Split:
    parts = [records(file, RECORD) for file in files]
    for file, part in zip(files, parts, strict=True):
        check_labels(file, part[:, 0], 0, len(LABELS) - 1)
    content = np.concatenate(parts)
    return packed_split(content[:, 1:].reshape(-1, 3, 32, 32), content[:, 0], most_bytes)


def _refuse_pickles(root: Path) -> None:
    for folder in (root / PICKLED, root):
        if (folder / "data_batch_1").is_file():
            raise UserError(
                f"{folder} is the Python form of CIFAR-10, which is made of pickles, and these are never opened; {GET}"
            )
    if (root / ARCHIVE).is_file():
        raise UserError(f"{root / ARCHIVE} is packed still; unpack it there: tar -xzf {ARCHIVE}")
