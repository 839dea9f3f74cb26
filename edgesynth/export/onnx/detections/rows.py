"""Rows of boxes put in one order, so that boxes decoded in a file and outside of it can be compared."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from edgesynth.export.onnx.detections.decoding_graph import NO_ROW


def rows_of(detected: Sequence[Tensor], count: int) -> Tensor:
    """(N, count, 6) from boxes (K, 6) of each image, K at most `count`; unused rows have class -1."""
    rows = torch.tensor(NO_ROW).repeat(len(detected), count, 1)
    for place, boxes in enumerate(detected):
        rows[place, : len(boxes)] = boxes[:count]
    return rows


def aligned(rows: Tensor, reference: Tensor) -> Tensor:
    """Rows (N, R, 6) in the order of the nearest rows of the reference: rows of equal scores may come in any order.

    Args:
        rows: of a file.
        reference: of the same shape.

    Returns:
        The same rows, those of each image in another order, so that the sum of distances is the least.
    """
    from scipy.optimize import linear_sum_assignment

    ordered = rows.clone()
    for place, (image_rows, image_reference) in enumerate(zip(rows, reference, strict=True)):
        _, order = linear_sum_assignment(torch.cdist(image_reference, image_rows, p=1).numpy())
        ordered[place] = image_rows[torch.from_numpy(order)]
    return ordered
