"""The network as it was early in its training: where rewound offspring begin.

Weights after a few percent of the ancestor's training, not its first draws, are what a thinned network learns well from
(Frankle et al., Linear Mode Connectivity and the Lottery Ticket Hypothesis, arXiv 1912.05671).
"""

from __future__ import annotations

from torch import Tensor, nn

from edgesynth.nurture.callbacks.callback import Callback


class RewindPoint(Callback):
    """Keeps a copy of the weights and buffers after a share of all steps, one at least; at once if there are none.

    Args:
        share: of training; in (0, 1].
    """

    def __init__(self, share: float = 0.05) -> None:
        self.share = share
        self.state: dict[str, Tensor] = {}

    def begin(self, network: nn.Module, epochs: int, steps_per_epoch: int) -> None:
        """Set the step after which it is taken."""
        self._network = network
        self._after = max(1, round(self.share * epochs * steps_per_epoch))
        if not epochs:
            self._take()

    def after_step(self, step: int) -> None:
        """Take it, if this was the step."""
        if step + 1 == self._after:
            self._take()

    def _take(self) -> None:
        state = self._network.state_dict()
        self.state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
