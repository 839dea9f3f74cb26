"""Mean average precision of boxes as pycocotools computes it: at most 100 boxes an image.

For each class, boxes are taken in the order of their scores. Each is matched to the true box of its image with the
largest IoU, of those not matched yet, and is right if that IoU reaches the threshold. Precision, made monotonic, is
read at 101 levels of recall; the metric is its mean over levels and over the classes that have true boxes.
"""

import math
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from edgesynth.metrics.boxes import HEADS, channels, decodes, detections, overlaps
from edgesynth.metrics.metric import Metric

IOU = 0.5
LEVELS = np.linspace(0, 1, 101)
MOST = 100


def mean_average_precision(
    detected: Sequence[np.ndarray], labels: np.ndarray, wanted: Sequence[float] = (IOU,)
) -> float:
    """Percent; the mean over the classes that the labels have boxes of, and over the wanted overlaps.

    Args:
        detected: for each image (K, 6): class, score, left, top, right, bottom; the surest first.
        labels: (N, M, 5): class (-1: no box), left, top, right, bottom.
        wanted: IoU from which a box is right.

    Returns:
        0 to 100; nan if the labels have no box, or if a box that was detected is not finite.
    """
    images = np.repeat(np.arange(len(detected)), [len(rows) for rows in detected])
    rows = np.concatenate([np.zeros((0, 6)), *detected]).astype(np.float64)
    present = np.unique(labels[..., 0][labels[..., 0] >= 0])
    if not np.isfinite(rows).all() or not len(present):
        return math.nan
    return 100.0 * float(np.mean([_of_class(kind, images, rows, labels, wanted) for kind in present]))


def _of_class(
    kind: float, images: np.ndarray, rows: np.ndarray, labels: np.ndarray, wanted: Sequence[float]
) -> List[float]:
    """Average precision of one class at each overlap, 0 to 1."""
    images, rows = images[rows[:, 0] == kind], rows[rows[:, 0] == kind]
    ends = np.searchsorted(images, np.arange(len(labels) + 1))
    scores, right = [], []
    for image in np.unique(images):
        mine = rows[ends[image] : ends[image + 1]][:MOST]
        true = labels[image][labels[image][:, 0] == kind, 1:].astype(np.float64)
        scores.append(mine[:, 1])
        right.append(_matched(mine[:, 2:], true, wanted))
    count = int((labels[..., 0] == kind).sum())
    if not scores:
        return [0.0] * len(wanted)
    order = np.argsort(-np.concatenate(scores), kind="mergesort")
    return [_mean_precision(hits[order], count) for hits in np.concatenate(right, axis=1)]


def _matched(boxes: np.ndarray, true: np.ndarray, wanted: Sequence[float]) -> np.ndarray:
    """(overlaps, K) whether each box, in the order of scores, matches a true box that is not matched yet."""
    right = np.zeros((len(wanted), len(boxes)), bool)
    if not len(true):
        return right
    shared = np.array([overlaps(box, true) for box in boxes])
    for level, least in enumerate(wanted):
        free = np.ones(len(true), bool)
        for place in np.flatnonzero((shared >= least).any(axis=1)):
            near = np.where(free, shared[place], -1.0)
            if near.max() >= least:
                free[near.argmax()] = False
                right[level, place] = True
    return right


def _mean_precision(right: np.ndarray, count: int) -> float:
    """Of boxes (K,) that are right or not, the surest first; `count` true boxes are there."""
    hits = right.cumsum()
    precision = hits / np.arange(1, len(hits) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(hits / count, LEVELS, side="left")
    return float(np.where(places < len(falling), falling[np.minimum(places, len(falling) - 1)], 0.0).mean())


class AveragePrecision(Metric):
    """Outputs (N, channels, h, w), labels (N, M, 5): class (-1: no box), left, top, right, bottom in shares.

    Of a model that decodes by itself the outputs are (N, rows, 6).

    Args:
        decoding: the manifest's `output.decoding`; without it nothing can be scored.
    """

    name = "mAP@0.5"
    labels_form = "float boxes (N, M, 5)"
    unfit = "the outputs are not boxes as the manifest's output.decoding says"

    def __init__(self, decoding: Optional[Dict[str, Any]] = None) -> None:
        self.decoding = decoding or {}

    def of(self, decoding: Dict[str, Any]) -> Metric:
        """The metric for outputs with this decoding."""
        return AveragePrecision(decoding)

    def takes(self, labels: np.ndarray) -> bool:
        """Whether each sample has rows of five numbers."""
        return labels.ndim == 3 and labels.shape[2] == 5 and labels.dtype.kind == "f"

    def fits(self, outputs: np.ndarray, labels: np.ndarray) -> bool:
        """Whether the outputs are a grid with the channels of a known head, or decoded boxes."""
        wanted = {"classes", "candidates", "min_score", "max_iou", "most"}
        head = self.decoding.get("head")
        if head not in HEADS or not wanted <= set(self.decoding) or (head == "yolov2" and not self.decoding["anchors"]):
            return False
        if decodes(self.decoding):
            return outputs.ndim == 3 and outputs.shape[2] == 6
        return outputs.ndim == 4 and outputs.shape[1] == channels(self.decoding)

    def score(self, outputs: np.ndarray, labels: np.ndarray) -> float:
        """0 to 100; 0 where the labels have no box."""
        score = mean_average_precision(detections(outputs, self.decoding), labels)
        return 0.0 if math.isnan(score) else score
