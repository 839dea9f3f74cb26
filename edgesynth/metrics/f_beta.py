"""F-beta of saliency maps, beta^2 = 0.3: the largest over all thresholds (Achanta et al., CVPR 2009; "max F").

Maps are rounded to 256 levels. At each level, precision and recall of what is at least so salient are averaged over
the images, and F = 1.3 P R / (0.3 P + R) is taken of the averages; the metric is the largest of the 256. A share of
nothing (no pixel is that salient, or the mask is empty) counts as 1.
"""

import math

import numpy as np

from edgesynth.metrics.metric import Metric

BETA_SQUARED = 0.3
LEVELS = 256


def f_beta(outputs: np.ndarray, masks: np.ndarray) -> float:
    """Largest F-beta, percent, of log-odds (N, 1, H, W) against masks of 0 and 1 of the same shape; nan for nan."""
    precision, recall = np.zeros(LEVELS), np.zeros(LEVELS)
    for logits, mask in zip(outputs, masks):
        if not np.isfinite(logits).all():
            return math.nan
        levels = np.rint((LEVELS - 1) * _share_of(logits.reshape(-1))).astype(np.int64)
        counts = np.bincount(levels + LEVELS * (mask.reshape(-1) > 0), minlength=2 * LEVELS)
        others, hits = (part[::-1].cumsum()[::-1] for part in (counts[:LEVELS], counts[LEVELS:]))
        precision += _ratio(hits, hits + others)
        recall += _ratio(hits, np.full(LEVELS, hits[0]))
    precision, recall = precision / len(outputs), recall / len(outputs)
    bottom = BETA_SQUARED * precision + recall
    return 100.0 * float(((1 + BETA_SQUARED) * precision * recall / np.maximum(bottom, 1e-300)).max())


def mean_absolute_error(outputs: np.ndarray, masks: np.ndarray) -> float:
    """Mean distance, 0 to 1, of the maps of log-odds (N, 1, H, W) from masks of 0 and 1."""
    return float(np.mean([np.abs(_share_of(logits) - mask).mean() for logits, mask in zip(outputs, masks)]))


def _share_of(logits: np.ndarray) -> np.ndarray:
    # Beyond 60 the share is 0 or 1 to the last bit that counts, and exp would overflow.
    return 1 / (1 + np.exp(-logits.astype(np.float64).clip(-60, 60)))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.maximum(whole, 1e-300), 1.0)


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
        return f_beta(outputs, labels)
