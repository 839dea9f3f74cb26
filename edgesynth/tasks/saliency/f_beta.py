"""F-beta and mean absolute error of saliency maps (Achanta et al., CVPR 2009), beta^2 = 0.3.

Of the variants in use this is the largest F-beta over all thresholds ("max F"): maps are rounded to 256 levels, at each
of them precision and recall of what is at least so salient are averaged over the images, and F = 1.3 P R / (0.3 P + R)
is taken of the averages. A share of nothing (no pixel is that salient, or the mask is empty) counts as 1.
`edgesynth.metrics.f_beta` is the same in numpy.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

BETA_SQUARED = 0.3
LEVELS = 256


def f_beta(outputs: Tensor, masks: Tensor) -> float:
    """Largest F-beta, percent, of log-odds (N, 1, H, W) against masks of 0 and 1 of the same shape; nan for nan."""
    precision, recall = torch.zeros(2, LEVELS, dtype=torch.float64)
    for logits, mask in zip(outputs, masks, strict=True):
        if not bool(torch.isfinite(logits).all()):
            return math.nan
        levels = ((LEVELS - 1) * logits.double().sigmoid()).round().long().flatten()
        counts = torch.bincount(levels + LEVELS * (mask.flatten() > 0), minlength=2 * LEVELS).double()
        others, hits = (part.flip(0).cumsum(0).flip(0) for part in counts.split(LEVELS))
        precision += _share(hits, hits + others)
        recall += _share(hits, hits[:1].expand(LEVELS))
    precision, recall = precision / len(outputs), recall / len(outputs)
    return 100.0 * float(
        ((1 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall).clamp(min=1e-300)).max()
    )


def mean_absolute_error(outputs: Tensor, masks: Tensor) -> float:
    """Mean distance, 0 to 1, of the maps of log-odds (N, 1, H, W) from masks of 0 and 1."""
    sums = [(logits.sigmoid().double() - mask).abs().mean() for logits, mask in zip(outputs, masks, strict=True)]
    return float(torch.stack(sums).mean())


def _share(part: Tensor, whole: Tensor) -> Tensor:
    return torch.where(whole > 0, part / whole.clamp(min=1e-300), torch.ones_like(whole))
