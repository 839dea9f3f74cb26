"""Mean average precision of boxes at an IoU of 0.5, as COCO's judge takes it (pycocotools): at most 100 boxes an image.

Of each class all boxes are gone through, the surest first; one is right if the true box that it overlaps most, of those
of its image that are not taken, overlaps it by at least half. Precision, made to fall, is read at 101 levels of recall;
the metric is its mean over levels and over the classes that there are true boxes of.
"""

from typing import Any, Dict, List, Optional

import numpy as np

from edgesynth.metrics.boxes import HEADS, channels, decodes, detections, overlaps
from edgesynth.metrics.metric import Metric

IOU = 0.5
LEVELS = np.linspace(0, 1, 101)


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
        """The same for outputs that are to be decoded so."""
        return AveragePrecision(decoding)

    def takes(self, labels: np.ndarray) -> bool:
        """Whether each sample has rows of five numbers."""
        return labels.ndim == 3 and labels.shape[2] == 5 and labels.dtype.kind == "f"

    def fits(self, outputs: np.ndarray, labels: np.ndarray) -> bool:
        """Whether the outputs are a grid with the channels of a head that is known, or boxes that it became."""
        wanted = {"classes", "candidates", "min_score", "max_iou", "most"}
        head = self.decoding.get("head")
        if head not in HEADS or not wanted <= set(self.decoding) or (head == "yolov2" and not self.decoding["anchors"]):
            return False
        if decodes(self.decoding):
            return outputs.ndim == 3 and outputs.shape[2] == 6
        return outputs.ndim == 4 and outputs.shape[1] == channels(self.decoding)

    def score(self, outputs: np.ndarray, labels: np.ndarray) -> float:
        """0 to 100; 0 where the labels have no box."""
        found = detections(outputs, self.decoding)
        present = sorted(set(labels[..., 0][labels[..., 0] >= 0].astype(int).tolist()))
        shares = [self._precision(kind, found, labels) for kind in present]
        return 100.0 * float(np.mean(shares)) if shares else 0.0

    def _precision(self, kind: int, found: List[np.ndarray], labels: np.ndarray) -> float:
        """Average precision of one class, 0 to 1."""
        scores, rights, wanted = [], [], 0
        for one, rows in zip(found, labels):
            mine, true = one[one[:, 0] == kind], rows[rows[:, 0] == kind, 1:].astype(np.float64)
            scores.append(mine[:, 1])
            rights.append(_matched(mine[:, 2:].astype(np.float64), true))
            wanted += len(true)
        order = np.argsort(-np.concatenate(scores), kind="mergesort")
        hits = np.concatenate(rights)[order].cumsum()
        if not len(hits):
            return 0.0
        precision = hits / np.arange(1, len(hits) + 1)
        falling = np.maximum.accumulate(precision[::-1])[::-1]
        places = np.searchsorted(hits / wanted, LEVELS, side="left")
        return float(np.where(places < len(falling), falling[np.minimum(places, len(falling) - 1)], 0.0).mean())


def _matched(boxes: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(K,) whether each box, the surest first, finds a true one that is not taken."""
    free = np.ones(len(true), bool)
    right = np.zeros(len(boxes), bool)
    for place, box in enumerate(boxes):
        near = np.where(free, overlaps(box, true), -1.0) if len(true) else np.zeros(0)
        if len(near) and near.max() >= IOU:
            free[near.argmax()] = False
            right[place] = True
    return right
