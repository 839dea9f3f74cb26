"""Weights of classes in the loss by how rare they are."""

from __future__ import annotations

import torch
from torch import Tensor


def median_over(frequency: Tensor) -> tuple[float, ...]:
    """For each class the median frequency divided by its own; 1 for a class that does not occur.

    Args:
        frequency: (classes,) float64, 0 to 1, not all 0.
    """
    present = frequency > 0
    # torch's median is the lower of two in the middle; the mean of both is what is meant.
    median = frequency[present].quantile(0.5)
    return tuple(torch.where(present, median / frequency.clamp(min=1e-300), torch.ones_like(frequency)).tolist())
