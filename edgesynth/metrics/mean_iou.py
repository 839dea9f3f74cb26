"""Mean intersection over union of segmentation, over all pixels of all samples together.

Of each class the pixels that are and are told to be of it, over those that are or are told to be. Void pixels (255) are
not counted, and classes that neither occur nor are predicted are left out of the mean.
"""

import numpy as np

from edgesynth.metrics.metric import Metric

VOID = 255


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
        classes = outputs.shape[1]
        counts = np.zeros(classes * classes, dtype=np.int64)
        for scores, truth in zip(outputs, labels):
            counted = truth != VOID
            places = truth[counted].astype(np.int64) * classes + scores.argmax(axis=0)[counted]
            counts += np.bincount(places, minlength=classes * classes)
        table = counts.reshape(classes, classes).astype(np.float64)
        both = table.diagonal()
        either = table.sum(axis=0) + table.sum(axis=1) - both
        return 100.0 * float((both[either > 0] / either[either > 0]).mean())
