"""MNIST: 60,000 training and 10,000 test digits, read from torchvision's layout (`ROOT/MNIST/raw`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from edgesynth.errors import UserError
from edgesynth.tasks.classification.classification import Classification, Split
from edgesynth.tasks.classification.idx import find_idx, read_idx

VALIDATION = 5000
MEAN, DEVIATION = 0.1307, 0.3081


def mnist(data_root: Path | None = None) -> Classification:
    """Build the task; the last 5,000 training digits (in a fixed shuffle) are held out for selection.

    Images are (N, 1, 28, 28), scaled to [0, 1] and normalized with mean 0.1307 and deviation 0.3081.

    Args:
        data_root: folder that holds `MNIST/raw`, or `raw` itself, with the four IDX files (plain or `.gz`).

    Raises:
        UserError: no root was given, or the files are missing, damaged or do not fit each other.
    """
    if data_root is None:
        raise UserError("the task mnist needs --data-root DIR, the folder that holds MNIST/raw (digits needs no data)")
    folder = _raw_folder(data_root)
    images, labels = _read(folder, "train")
    find_idx(folder, "t10k-images-idx3-ubyte"), find_idx(folder, "t10k-labels-idx1-ubyte")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    if len(order) <= VALIDATION:
        raise UserError(
            f"{folder} has {len(order)} training digits; the task mnist holds out {VALIDATION} and needs more"
        )
    train, validation = order[:-VALIDATION], order[-VALIDATION:]
    return Classification(
        name="mnist",
        train=Split(images[train], labels[train]),
        validation=Split(images[validation], labels[validation]),
        load_test=lambda: Split(*_read(folder, "t10k")),
        labels=[str(digit) for digit in range(10)],
        max_shift=1,  # the digits are centered by their mass already
        preprocessing={
            "source": "28x28 gray digits with values 0..255, white on black",
            "scale": 1 / 255,
            "mean": [MEAN],
            "std": [DEVIATION],
        },
    )


def _raw_folder(data_root: Path) -> Path:
    for folder in (data_root / "MNIST" / "raw", data_root / "raw", data_root):
        if folder.is_dir() and any(folder.glob("*-ubyte*")):
            return folder
    raise UserError(
        f"{data_root} holds no MNIST: no IDX files (train-images-idx3-ubyte or .gz) in it, in raw/ or in MNIST/raw/; "
        "give --data-root the folder that torchvision.datasets.MNIST(root) was given"
    )


def _read(folder: Path, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    images = read_idx(find_idx(folder, f"{part}-images-idx3-ubyte"))
    labels = read_idx(find_idx(folder, f"{part}-labels-idx1-ubyte"))
    if images.ndim != 3 or images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
        raise UserError(
            f"{folder}: {part} images have shape {images.shape} and labels {labels.shape}; "
            "28x28 images with one label each are needed"
        )
    pixels = torch.from_numpy(images.astype(np.float32))[:, None] / 255
    return (pixels - MEAN) / DEVIATION, torch.from_numpy(labels.astype(np.int64))
