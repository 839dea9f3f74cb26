"""What every peer is given, and what it says where it cannot get there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from edgesynth.planning.cost.times import LatencyTimes
from edgesynth.tasks import Classification


@dataclass(frozen=True)
class Goal:
    """A latency, and the network that is to meet it.

    Attributes:
        network: the trained ancestor in evaluation mode, on the CPU; never changed.
        task: what it learned.
        most_ms: the latency that the small network may have at most.
        latency: predicts the latency of a network, in ms; deterministic.
        times: what that prediction is made of, for peers that price single layers.
        round_to: number that widths should be multiples of.
        seed: of all draws: images, order and blocks.
    """

    network: nn.Module
    task: Classification
    most_ms: float
    latency: Callable[[nn.Module], float]
    times: LatencyTimes
    round_to: int
    seed: int


Shrink = Callable[[Goal], nn.Module]


class OutOfReachError(Exception):
    """A peer's form has no network that meets the latency.

    Attributes:
        least_ms: the least latency among the networks that it came to.
    """

    def __init__(self, peer: str, least_ms: float, goal: Goal) -> None:
        self.least_ms = least_ms
        super().__init__(f"{peer} comes to {least_ms:.4g} ms at least, and {goal.most_ms:.4g} ms are allowed")
