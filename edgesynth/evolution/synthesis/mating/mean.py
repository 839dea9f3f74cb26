"""The mean over those parents that have something."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def mean_of_holders(values: Sequence[Tensor], held: Sequence[Tensor], otherwise: float = 0.0) -> Tensor:
    """Mean, element by element, over the parents that hold the element.

    Args:
        values: one tensor for each parent, all of one shape; what a parent does not hold is not looked at.
        held: bool masks of the same shape.
        otherwise: where no parent holds it.
    """
    total, holders = torch.zeros_like(values[0]), torch.zeros(values[0].shape, dtype=torch.long)
    for value, mask in zip(values, held, strict=True):
        # Not value * mask: a viability may be -inf.
        total += torch.where(mask, value, 0)
        holders += mask
    return torch.where(holders > 0, total / holders.clamp_min(1), otherwise)
