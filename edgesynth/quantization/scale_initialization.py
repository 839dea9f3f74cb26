"""Where a scale starts: near enough to be learned from, or as good as it gets without learning."""

from __future__ import annotations

import torch
from torch import Tensor

from edgesynth.quantization.sampling import stride_of

INT8 = 127
UNSEEN = 1.0  # scale of a row without a single value: any holds its zeros, and a scale must not be 0
FRACTIONS = torch.logspace(-1.5, 0, 64)  # of the largest value: 0.03 to 1
MOST_VALUES = 1 << 18  # values that a fit looks at, at a time


def learnable_scale(values: Tensor, most: int, counted: Tensor) -> Tensor:
    """Start of a scale that will be learned: 2 mean|v| / sqrt(most) (LSQ, section 2.1); of int8 max|v| / 127.

    Args:
        values: (rows, N).
        most: the largest level.
        counted: (rows,) number of values that count: of weights the living, of activations all.

    Returns:
        (rows,), positive.
    """
    strength = values.abs()
    if most == INT8:
        return _positive(strength.amax(dim=1) / most)
    return _positive(2 * strength.sum(dim=1) / counted.clamp_min(1) / most**0.5)


def fitted_scale(values: Tensor, most: int, counted: Tensor) -> Tensor:
    """Scale of the least squared error, for values that will not be trained again (post-hoc quantization).

    Of 64 scales between a thirtieth of max|v| / most and all of it; arguments as of `learnable_scale`. Of a single
    row, as activations are, some values are looked at; of weights all, because a row may have few that are alive.
    """
    largest = values.abs().amax(dim=1, keepdim=True) / most
    if len(values) == 1:
        values = values[:, :: stride_of(values.numel(), MOST_VALUES)]
    size = max(1, MOST_VALUES // max(1, values.shape[1]))  # rows at a time
    parts = zip(values.split(size), largest.split(size), strict=True)
    return torch.cat([_of_least_error(some, top, most) for some, top in parts])


def _of_least_error(values: Tensor, largest: Tensor, most: int) -> Tensor:
    best, least = largest.clone(), torch.full_like(largest, torch.inf)
    for fraction in FRACTIONS.to(values.device):
        scale = _positive(largest * fraction)
        levels = (values / scale).round().clamp(-most, most)
        error = (levels * scale - values).square().sum(dim=1, keepdim=True)
        best, least = torch.where(error < least, scale, best), torch.minimum(error, least)
    return _positive(best.squeeze(1))


def _positive(scale: Tensor) -> Tensor:
    smallest = torch.finfo(torch.float32).tiny
    return torch.where(scale > smallest, scale, UNSEEN)
