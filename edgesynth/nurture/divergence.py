"""Training that has run away: a loss or weights that are no longer finite."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn


class DivergenceError(Exception):
    """Training has lost a network; the message says what was not finite and when.

    Attributes:
        losses: mean loss of each epoch before.
    """

    def __init__(self, reason: str, losses: Sequence[float]) -> None:
        super().__init__(reason)
        self.losses = list(losses)


def expect_finite_loss(losses: Sequence[float]) -> None:
    """Raise `DivergenceError` if the mean loss of the last epoch is not finite."""
    if not math.isfinite(losses[-1]):
        raise DivergenceError(f"the loss was {losses[-1]} in epoch {len(losses)}", losses[:-1])


def expect_finite_weights(network: nn.Module, losses: Sequence[float]) -> None:
    """Raise `DivergenceError` if the last step has spoilt a weight: no loss has seen that."""
    for name, parameter in network.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            raise DivergenceError(f"{name} was not finite after epoch {len(losses)}", losses)
