"""Anchors: typical widths and heights of the training boxes.

By k-means with 1 - IoU as distance (YOLO9000, arXiv 1612.08242, section 2).
"""

from __future__ import annotations

import torch
from torch import Tensor

from edgesynth.tasks.detection.heads.overlap import shape_overlap

COUNT = 5
MOST_ROUNDS = 100
DIGITS = 6  # what is kept in files is what was trained with


def find_anchors(corners: Tensor, count: int = COUNT) -> tuple[tuple[float, float], ...]:
    """Widths and heights, smallest area first.

    Args:
        corners: (B, 4) of the training boxes, in shares of the image; at least one.
        count: how many; where there are fewer kinds of boxes, some are alike.
    """
    shapes = (corners[:, 2:] - corners[:, :2]).double()
    shapes = shapes[shapes.prod(dim=1).argsort(stable=True)]
    # Begun at quantiles of the area: nothing is drawn by chance.
    anchors = shapes[torch.linspace(0, len(shapes) - 1, 2 * count + 1).round().long()[1::2]]
    for _ in range(MOST_ROUNDS):
        nearest = shape_overlap(shapes, anchors).argmax(dim=1)
        centers = torch.stack(
            [shapes[nearest == k].mean(0) if (nearest == k).any() else anchors[k] for k in range(count)]
        )
        if torch.equal(centers, anchors):
            break
        anchors = centers
    anchors = anchors[anchors.prod(dim=1).argsort(stable=True)]
    return tuple((round(width, DIGITS), round(height, DIGITS)) for width, height in anchors.tolist())
