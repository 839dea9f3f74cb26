"""Environments: how much the world can feed. Adding one means adding a file and a line to `build_world`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from edgesynth.evolution.synthesis.environment.calibrated import CalibratedEnvironment
from edgesynth.evolution.synthesis.environment.faithful import FaithfulEnvironment
from edgesynth.lineage import Config

__all__ = ["CalibratedEnvironment", "Environment", "FaithfulEnvironment", "World", "build_world"]


class Environment(Protocol):
    """Draws the survivors of one level, clusters or synapses."""

    def draw(
        self,
        viability: dict[str, Tensor],
        alive: dict[str, Tensor],
        expected: float,
        generator: torch.Generator,
        least: dict[str, int] | None = None,
        counts: dict[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Draw the survivors.

        Args:
            viability: {layer or group: logarithms of probabilities, any shape}.
            alive: {the same: bool mask}; the dead stay dead.
            expected: number of survivors that the budget asks for.
            generator: source of the draws.
            least: {the same: number of survivors that it needs}; none by default.
            counts: {the same: what each counts for in `expected`}; one by default. A unit that several layers write is
                as many clusters.

        Returns:
            {the same: bool mask}.
        """
        ...

    def expects(
        self,
        viability: dict[str, Tensor],
        alive: dict[str, Tensor],
        expected: float,
        counts: dict[str, Tensor] | None = None,
    ) -> float:
        """How many survive such a draw on average; see `draw`."""
        ...


@dataclass(frozen=True)
class World:
    """The environment of each level: F_c and F_s of the papers (Evolution in Groups, section 2)."""

    clusters: Environment
    synapses: Environment


def build_world(config: Config) -> World:
    """The environments that a configuration names."""
    if config.environment == "faithful":
        return World(FaithfulEnvironment(config.keep_clusters or config.keep), FaithfulEnvironment(config.keep))
    calibrated = CalibratedEnvironment(config.temperature)
    return World(calibrated, calibrated)
