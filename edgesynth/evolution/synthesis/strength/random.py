"""No strength at all: the control against which every other one has to earn its place."""

from __future__ import annotations

import torch
from torch import Tensor

from edgesynth.evolution.synthesis.strength.parent import Parent


class RandomStrength:
    """Every synapse and every cluster is as likely to be passed on as any other."""

    def synapses(self, parent: Parent) -> dict[str, Tensor]:
        """{weight: viability 0}."""
        return {name: torch.zeros(weight.shape, dtype=torch.float64) for name, weight in parent.weights.items()}

    def clusters(self, parent: Parent) -> dict[str, Tensor]:
        """{group: (size,) viability 0}."""
        return {group.name: torch.zeros(group.size, dtype=torch.float64) for group in parent.anatomy.removable}
