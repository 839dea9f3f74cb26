"""Mean intersection over union of segmentation, over all pixels of all samples together.

For each class: pixels that are of it and predicted as it, over pixels that are of it or predicted as it. Void pixels
(255) are not counted, and classes that neither occur nor are predicted are left out of the mean.
"""

import math

import numpy as np

from edgesynth.metrics.metric import Metric

VOID = 255


def confusion(outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(classes, classes) int64: number of pixels by true class and predicted class.

    Args:
        outputs: (N, classes, H, W) scores.
        labels: (N, H, W) numbers of classes, or 255.
    """
    classes = outputs.shape[1]
    counts = np.zeros(classes * classes, dtype=np.int64)
    for scores, truth in zip(outputs, labels):
        counted = truth != VOID
        places = truth[counted].astype(np.int64) * classes + scores.argmax(axis=0)[counted]
        counts += np.bincount(places, minlength=classes * classes)
    return counts.reshape(classes, classes)


def mean_iou(outputs: np.ndarray, labels: np.ndarray) -> float:
    """Percent, of scores (N, classes, H, W) against labels (N, H, W); nan for nan, and where no pixel is counted."""
    if not all(bool(np.isfinite(scores).all()) for scores in outputs):
        return math.nan
    counts = confusion(outputs, labels).astype(np.float64)
    both = counts.diagonal()
    either = counts.sum(axis=0) + counts.sum(axis=1) - both
    return 100.0 * float((both[either > 0] / either[either > 0]).mean()) if either.any() else math.nan


def pixel_accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    """Share, 0 to 1, of the counted pixels whose class is predicted."""
    counts = confusion(outputs, labels)
    return float(counts.diagonal().sum() / counts.sum())


class MeanIou(Metric):
    """Outputs (N, classes, H, W) scores, labels (N, H, W) integers: a class's number, or 255."""

    name = "mIoU"
    labels_form = "integer masks (N, H, W), not all of them 255"
    unfit = "the outputs are not a map of each mask's size for each class"

    def takes(self, labels: np.ndarray) -> bool:
        """Whether each sample has one mask, and some pixel is counted."""
        return labels.ndim == 3 and labels.dtype.kind in "iu" and bool((labels != VOID).any())

    def fits(self, outputs: np.ndarray, labels: np.ndarray) -> bool:
        """Whether there is a score for each pixel, and for each class that occurs."""
        counted = labels[labels != VOID]
        return (
            outputs.ndim == 4
            and (outputs.shape[0],) + outputs.shape[2:] == labels.shape
            and int(counted.min()) >= 0
            and int(counted.max()) < outputs.shape[1]
        )

    def score(self, outputs: np.ndarray, labels: np.ndarray) -> float:
        """0 to 100."""
        return mean_iou(outputs, labels)
