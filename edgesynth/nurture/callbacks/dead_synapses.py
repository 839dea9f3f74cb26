"""Dead synapses stay at zero, whatever the gradient says."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from edgesynth.nurture.callbacks.callback import Callback


class DeadSynapses(Callback):
    """Clears the synapses that a genome does not have, before the first step and after each.

    Args:
        synapses: {weight: bool mask of its shape}; False is dead. A weight that is not named has all its synapses.
    """

    def __init__(self, synapses: Mapping[str, Tensor]) -> None:
        self.synapses = synapses
        self._masks: list[tuple[nn.Parameter, Tensor]] = []

    def begin(self, network: nn.Module, epochs: int = 0, steps_per_epoch: int = 0) -> None:
        """Clear them."""
        weights = [(network.get_parameter(name), mask) for name, mask in self.synapses.items()]
        self._masks = [(weight, mask.to(weight.device)) for weight, mask in weights]
        self.after_step(-1)

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Clear them again."""
        for weight, mask in self._masks:
            weight.mul_(mask)
