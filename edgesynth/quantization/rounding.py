"""Rounding to a precision, with gradients that go straight through (Bengio et al., arXiv 1308.3432).

Rounds half to even, as TensorRT and ONNX do.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def quantize(values: Tensor, scale: Tensor, most: int) -> Tensor:
    """The nearest of the numbers -most * scale to most * scale: round(clip(v / s)) s.

    What is found is exact: a whole number times the scale in float32, which quantizes to itself.
    Gradients are those of learned step size quantization (Esser et al., arXiv 1902.08153, eq. 3 and 5): of a value, 1
    within the range and 0 beyond; of the scale, round(v / s) - v / s within the range and +-most beyond.

    Args:
        values: any shape, float32.
        scale: positive, of a shape that broadcasts; see `along_rows`.
        most: the largest level; see `largest_level`.
    """
    return _Round.apply((values / scale).clamp(-most, most)) * scale


def along_rows(scale: Tensor, weight: Tensor) -> Tensor:
    """One scale for each output channel (out,), shaped so that it broadcasts over a weight (out, ...)."""
    return scale.reshape(-1, *[1] * (weight.dim() - 1))


def to_half(values: Tensor) -> Tensor:
    """The nearest float16, as float32: below 3e-8 that is zero, beyond 65,520 infinity, as on the device."""
    return _Half.apply(values)


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return values.round()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class _Half(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return values.half().to(values.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]
