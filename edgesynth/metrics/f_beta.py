"""F-beta of saliency maps, beta^2 = 0.3: the largest over all thresholds (Achanta et al., CVPR 2009; "max F").

Maps are rounded to 256 levels. At each level, precision and recall of what is at least so salient are averaged over
the images, and F = 1.3 P R / (0.3 P + R) is taken of the averages; the metric is the largest of the 256. A share of
nothing (no pixel is that salient, or the mask is empty) counts as 1.
"""

import numpy as np

from edgesynth.metrics.metric import Metric

BETA_SQUARED = 0.3
LEVELS = 256


class FBeta(Metric):
    """Outputs (N, 1, H, W) log-odds, labels (N, 1, H, W) integers, 0 or 1."""

    name = "F-beta"
    labels_form = "integer masks (N, 1, H, W)"
    unfit = "the outputs are not one map of each mask's size"

    def takes(self, labels: np.ndarray) -> bool:
        """Whether each sample has one mask."""
        return labels.ndim == 4 and labels.shape[1] == 1 and labels.dtype.kind in "iu"

    def fits(self, outputs: np.ndarray, labels: np.ndarray) -> bool:
        """Whether there is one value for each pixel."""
        return outputs.shape == labels.shape

    def score(self, outputs: np.ndarray, labels: np.ndarray) -> float:
        """0 to 100."""
        precision, recall = np.zeros(LEVELS), np.zeros(LEVELS)
        for logits, mask in zip(outputs, labels):
            # Beyond 60 the share is 0 or 1 to the last bit that counts, and exp would overflow.
            share = 1 / (1 + np.exp(-logits.astype(np.float64).reshape(-1).clip(-60, 60)))
            levels = np.rint((LEVELS - 1) * share).astype(np.int64)
            counts = np.bincount(levels + LEVELS * (mask.reshape(-1) > 0), minlength=2 * LEVELS)
            others, hits = (part[::-1].cumsum()[::-1] for part in (counts[:LEVELS], counts[LEVELS:]))
            precision += _share(hits, hits + others)
            recall += _share(hits, np.full(LEVELS, hits[0]))
        precision, recall = precision / len(outputs), recall / len(outputs)
        bottom = BETA_SQUARED * precision + recall
        return 100.0 * float(((1 + BETA_SQUARED) * precision * recall / np.maximum(bottom, 1e-300)).max())


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.maximum(whole, 1e-300), 1.0)
