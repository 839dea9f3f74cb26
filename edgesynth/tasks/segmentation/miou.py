"""Mean intersection over union, of all pixels of a split together.

Of each class the pixels that are and are told to be of it, over those that are or are told to be; void pixels are not
counted, and of classes that neither occur nor are predicted there is none. `edgesynth.metrics.mean_iou` is the same
in numpy.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from edgesynth.tasks.segmentation.class_map import VOID


def confusion(outputs: Tensor, labels: Tensor) -> Tensor:
    """(classes, classes) pixels by what they are and what they are told to be.

    Args:
        outputs: (N, classes, H, W) scores.
        labels: (N, H, W) numbers of classes, or `VOID`.
    """
    classes = outputs.shape[1]
    counts = torch.zeros(classes * classes, dtype=torch.int64)
    for scores, truth in zip(outputs, labels, strict=True):
        counted = truth != VOID
        places = truth[counted].long() * classes + scores.argmax(dim=0)[counted]
        counts += torch.bincount(places, minlength=classes * classes)
    return counts.reshape(classes, classes)


def mean_iou(outputs: Tensor, labels: Tensor) -> float:
    """Percent, of scores (N, classes, H, W) against labels (N, H, W); nan for nan, and where no pixel is counted."""
    if not all(bool(torch.isfinite(scores).all()) for scores in outputs):
        return math.nan
    counts = confusion(outputs, labels).double()
    both = counts.diagonal()
    either = counts.sum(0) + counts.sum(1) - both
    return 100.0 * float((both / either)[either > 0].mean())


def pixel_accuracy(outputs: Tensor, labels: Tensor) -> float:
    """Share, 0 to 1, of the counted pixels whose class is told."""
    counts = confusion(outputs, labels)
    return float(counts.diagonal().sum() / counts.sum())
