"""What a metric is: percent, higher is better, of outputs against labels."""

from typing import Any, Dict

import numpy as np

# Accuracies are multiples of 100 % / images: what floating point adds to a difference of two is no loss.
ROUNDING_POINTS = 1e-9


class Metric:
    """A metric; see the other files of this folder.

    Attributes:
        name: as the manifest gives it.
        labels_form: the labels that it takes, for a message.
        unfit: why outputs of another form have no metric, for a message.
    """

    name = ""
    labels_form = ""
    unfit = ""

    def of(self, decoding: Dict[str, Any]) -> "Metric":
        """The metric for outputs with this decoding; see the manifest's `output.decoding`."""
        return self

    def takes(self, labels: np.ndarray) -> bool:
        """Whether labels (N, ...) are of the form that it takes."""
        raise NotImplementedError

    def fits(self, outputs: np.ndarray, labels: np.ndarray) -> bool:
        """Whether outputs (N, ...) are of the form that it judges."""
        raise NotImplementedError

    def score(self, outputs: np.ndarray, labels: np.ndarray) -> float:
        """Percent of outputs (N, ...), all finite, against labels (N, ...)."""
        raise NotImplementedError
