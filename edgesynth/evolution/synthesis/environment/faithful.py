"""The papers' environment: a constant factor."""

from __future__ import annotations

import torch
from torch import Tensor


class FaithfulEnvironment:
    """A synapse or cluster survives if u < F * P, u uniform in [0, 1) (Deep Learning with Darwin, eq. 3-4).

    How many survive is an accident of Z: about 0.44 F of a layer of Gaussian weights. The budget is not looked at.

    The papers' factors run from 0.5 to 0.95. What a factor of 1 would be is left to `ration`, which takes it as the
    calibrated environment does: the level is not drawn at all.

    Args:
        factor: F, in (0, 1).
    """

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def draw(
        self,
        viability: dict[str, Tensor],
        alive: dict[str, Tensor],
        expected: float,
        generator: torch.Generator,
        least: dict[str, int] | None = None,
        counts: dict[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Each on its own, whatever is expected or needed; see `Environment.draw`."""
        return {
            name: alive[name]
            & (torch.rand(log.shape, dtype=torch.float64, generator=generator) < self.factor * log.exp())
            for name, log in viability.items()
        }

    def expects(
        self,
        viability: dict[str, Tensor],
        alive: dict[str, Tensor],
        expected: float,
        counts: dict[str, Tensor] | None = None,
    ) -> float:
        """The sum of F P over what lives, whatever is asked for; see `Environment.expects`."""
        total = 0.0
        for name, log in viability.items():
            chances = (self.factor * log[alive[name]].exp()).clamp_max(1)
            total += (chances if counts is None else chances * counts[name][alive[name]]).sum().item()
        return total
