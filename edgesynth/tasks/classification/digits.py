"""scikit-learn's digits: 1,797 real 8x8 digits that come with the package, upsampled to 28x28."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

from edgesynth.tasks.classification.classification import Classification, Split

VALIDATION, TEST = 300, 300


def digits(data_root: Path | None = None) -> Classification:
    """Build the task; `data_root` is not needed, because the data come with scikit-learn.

    Images are (N, 1, 28, 28), scaled to [0, 1] and then normalized by the training images' mean and deviation.
    """
    from sklearn.datasets import load_digits

    raw = load_digits()
    pixels = torch.tensor(raw.images, dtype=torch.float32)[:, None] / 16
    images = F.interpolate(pixels, size=(28, 28), mode="bilinear", align_corners=False)
    labels = torch.tensor(raw.target, dtype=torch.int64)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    images, labels = images[order], labels[order]

    count = len(labels) - VALIDATION - TEST
    mean, deviation = images[:count].mean().item(), images[:count].std().item()
    images = (images - mean) / deviation
    test = Split(images[count + VALIDATION :], labels[count + VALIDATION :])
    return Classification(
        name="digits",
        train=Split(images[:count], labels[:count]),
        validation=Split(images[count : count + VALIDATION], labels[count : count + VALIDATION]),
        load_test=lambda: test,
        labels=[str(digit) for digit in range(10)],
        preprocessing={
            "source": "8x8 gray digits with values 0..16",
            "resize": {"size": [28, 28], "mode": "bilinear", "align_corners": False},
            "scale": 1 / 16,
            "mean": [mean],
            "std": [deviation],
        },
    )
