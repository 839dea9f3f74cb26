"""Exponential moving average of a network's weights: what is kept is smoother than the last step (Polyak averaging)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgesynth.nurture.callbacks.callback import Callback


class MovingAverage(Callback):
    """Keeps the average of the weights and running statistics over the steps, and leaves it in the network at the end.

    Of t steps done, the average is decayed by min(decay, (1 + t) / (10 + t)): a nurture of a few dozen steps would
    otherwise keep little but the weights that it began with. Dead synapses average to zero.

    Args:
        decay: share of the average that a step leaves; in (0, 1), such as 0.999.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self._pairs: list[tuple[Tensor, Tensor]] = []

    @torch.no_grad()
    def begin(self, network: nn.Module, epochs: int, steps_per_epoch: int) -> None:
        """The average begins as the network does."""
        tensors = [*network.parameters(), *network.buffers()]
        self._pairs = [(tensor, tensor.detach().clone()) for tensor in tensors if tensor.is_floating_point()]

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Take up the weights as they are now."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for tensor, average in self._pairs:
            average.lerp_(tensor, 1 - decay)

    @torch.no_grad()
    def end(self) -> None:
        """Put the average in the network's place."""
        for tensor, average in self._pairs:
            tensor.copy_(average)
