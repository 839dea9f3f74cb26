"""A scale that is learned with the values that it rounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from edgesynth.quantization.rounding import quantize

Start = Callable[[Tensor, int, Tensor], Tensor]


class LearnedScale:
    """Rounds values to whole multiples of a learned scale (LSQ, Esser et al., arXiv 1902.08153).

    The scale's logarithm is learned (as in Jain et al., arXiv 1903.08066, section 4.2). So a step of AdamW changes
    every scale by the same share, and no scale reaches zero. The gradient is divided by sqrt(N most), where N values
    share the scale. That balances it against the weights' gradients (LSQ, section 2.2) in optimizers that, unlike
    AdamW, depend on the length of a gradient.

    Args:
        most: the largest level.
        start: gives the scale at the first call; `learnable_scale` or `fitted_scale`.
        known: the parent's scale, where there is one, instead.
        rows: number of scales, one for each row of the values (weights), or None for one in all (activations).
    """

    def __init__(self, most: int, start: Start, known: Tensor | None = None, rows: int | None = None) -> None:
        self.most = most
        self.start = start
        self.per_row = rows is not None
        shape = (rows,) if rows is not None else ()
        self.logarithm = nn.Parameter(torch.zeros(shape) if known is None else known.detach().float().log())
        self.started = known is not None

    @property
    def scale(self) -> Tensor:
        """(rows,) or (), positive."""
        return self.logarithm.exp()

    def __call__(self, values: Tensor) -> Tensor:
        """Values of any shape, rounded; weights have their rows first, activations the images of the batch."""
        self._settle_in(values)
        shared = self._counted(values)
        scale = _ScaledGradient.apply(self.scale, (shared.clamp_min(1) * self.most).rsqrt())
        return quantize(values, scale.reshape(-1, *[1] * (values.dim() - 1)) if self.per_row else scale, self.most)

    @torch.no_grad()
    def _settle_in(self, values: Tensor) -> None:
        if self.logarithm.device != values.device:  # the network moved; the parameter stays the optimizer's own
            self.logarithm.data = self.logarithm.data.to(values.device)
        if not self.started:
            rows = values.flatten(1) if self.per_row else values.reshape(1, -1)
            counted = self._counted(values).reshape(-1) if self.per_row else rows.new_tensor([rows.shape[1]])
            self.logarithm.copy_(self.start(rows, self.most, counted).log().reshape(self.logarithm.shape))
            self.started = True

    @torch.no_grad()
    def _counted(self, values: Tensor) -> Tensor:
        """Values that share a scale: of each row the living synapses; of activations those of one image."""
        if self.per_row:
            return values.flatten(1).count_nonzero(dim=1).to(values.dtype)
        return values.new_tensor(values.numel() / len(values))


class _ScaledGradient(torch.autograd.Function):
    """Its input, bit for bit; gradients are multiplied on the way back."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(factor)
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (factor,) = ctx.saved_tensors
        return gradients[0] * factor, None
