"""Accuracy: the share of samples whose largest output is the label's."""

import numpy as np

from edgesynth.metrics.metric import Metric


def accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    """Top-1 accuracy in percent of outputs (N, classes) against labels (N,)."""
    return 100.0 * float((outputs.argmax(axis=1) == labels).mean())


class Accuracy(Metric):
    """Outputs (N, classes), labels (N,) integers."""

    name = "accuracy"
    labels_form = "integer labels (N,)"
    unfit = "the outputs are not one value for each class"

    def takes(self, labels: np.ndarray) -> bool:
        """Whether each sample has one whole number."""
        return labels.ndim == 1 and labels.dtype.kind in "iu"

    def fits(self, outputs: np.ndarray, labels: np.ndarray) -> bool:
        """Whether there is one value for each class."""
        return outputs.ndim == 2

    def score(self, outputs: np.ndarray, labels: np.ndarray) -> float:
        """0 to 100."""
        return accuracy(outputs, labels)
