"""Weights of classes in the loss, so that classes of few pixels are learned too."""

from __future__ import annotations

import torch

from edgesynth.tasks.classification.class_frequency import median_over
from edgesynth.tasks.images.stored import Stored
from edgesynth.tasks.segmentation.class_map import VOID

CHUNK = 64


def pixels_of(labels: torch.Tensor | Stored, classes: int) -> torch.Tensor:
    """(N, classes) int64: how many pixels of each mask, (N, H, W) or (N, 1, H, W), are of each class."""
    rows = []
    for chunk in labels.split(CHUNK):
        numbers = chunk.flatten(1).long()
        counts = torch.zeros(len(numbers), VOID + 1, dtype=torch.int64)
        rows.append(counts.scatter_add_(1, numbers, torch.ones_like(numbers))[:, :classes])
    return torch.cat(rows)


def median_frequency(labels: torch.Tensor | Stored, classes: int) -> tuple[float, ...]:
    """Median frequency over frequency (Eigen and Fergus, arXiv 1411.4734, section 6.3.2; SegNet, 1511.00561).

    The frequency of a class is its share of the counted pixels of those images in which it occurs. A class that occurs
    nowhere has weight 1.

    Args:
        labels: (N, H, W) or (N, 1, H, W) numbers of classes.
        classes: how many there are.
    """
    pixels = pixels_of(labels, classes).double()
    occurs = pixels > 0
    own = pixels.sum(0)
    around = (pixels.sum(1, keepdim=True) * occurs).sum(0)
    return median_over(own / around.clamp(min=1))
