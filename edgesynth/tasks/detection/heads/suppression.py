"""Non-maximum suppression: of boxes of one class that overlap, the surest is kept.

`edgesynth.metrics.boxes` is the same in numpy.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from edgesynth.tasks.detection.heads.head import Candidates
from edgesynth.tasks.detection.heads.overlap import overlap


class Limits(NamedTuple):
    """Limits of suppression.

    Attributes:
        min_score: from which a candidate counts.
        max_iou: overlap with a surer box of the same class from which one is suppressed.
        candidates: the surest of an image that are looked at.
        most: boxes of an image that are kept.
    """

    min_score: float = 0.005
    max_iou: float = 0.45
    candidates: int = 400
    most: int = 100


def suppressed(candidates: Candidates, limits: Limits = Limits()) -> list[Tensor]:  # noqa: B008  (it cannot be changed)
    """For each image (K, 6) rows of class, score, left, top, right, bottom, the surest first; within the image."""
    return [_suppressed_in_image(corners, scores, limits) for corners, scores in zip(*candidates, strict=True)]


def _suppressed_in_image(corners: Tensor, scores: Tensor, limits: Limits) -> Tensor:
    flat = scores.flatten()
    order = flat.argsort(descending=True, stable=True)[: limits.candidates]
    order = order[flat[order] >= limits.min_score]
    boxes = corners[order // scores.shape[1]].clamp(0, 1)
    sound = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)  # distances to sides may contradict each other
    boxes, order = boxes[sound], order[sound]
    kind = order % scores.shape[1]
    rivals = ((overlap(boxes, boxes) > limits.max_iou) & (kind[:, None] == kind)).cpu().numpy()
    alive, kept = torch.ones(len(order), dtype=torch.bool).numpy(), []
    for row in range(len(order)):
        if alive[row]:
            kept.append(row)
            if len(kept) == limits.most:
                break
            alive[row + 1 :] &= ~rivals[row, row + 1 :]
    chosen = torch.tensor(kept, dtype=torch.int64, device=boxes.device)
    return torch.cat([kind[chosen, None].to(boxes.dtype), flat[order][chosen, None], boxes[chosen]], dim=1)
