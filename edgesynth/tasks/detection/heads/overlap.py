"""Overlap of boxes: intersection over union (IoU)."""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-12


def overlap(boxes: Tensor, others: Tensor) -> Tensor:
    """(..., P, Q) IoU of corners (..., P, 4) with corners (..., Q, 4); boxes without area overlap nothing."""
    low = torch.maximum(boxes[..., :, None, :2], others[..., None, :, :2])
    high = torch.minimum(boxes[..., :, None, 2:], others[..., None, :, 2:])
    shared = (high - low).clamp(min=0).prod(dim=-1)
    return shared / (_area(boxes)[..., :, None] + _area(others)[..., None, :] - shared).clamp(min=TINY)


def shape_overlap(shapes: Tensor, others: Tensor) -> Tensor:
    """(..., P, Q) IoU of widths and heights (..., P, 2) with (Q, 2), were they of one center."""
    shared = torch.minimum(shapes[..., :, None, :], others).prod(dim=-1)
    return shared / (shapes.prod(dim=-1)[..., :, None] + others.prod(dim=-1) - shared).clamp(min=TINY)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(dim=-1)
