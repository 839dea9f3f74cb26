"""Strength by magnitude, as in the papers."""

from __future__ import annotations

import torch
from torch import Tensor

from edgesynth.anatomy import ClusterGroup
from edgesynth.errors import UserError
from edgesynth.evolution.strength.parent import Parent, sum_over_clusters


class MagnitudeStrength:
    """P(synapse) = exp(|w|/Z - 1), Z the layer's largest (Deep Learning with Darwin, section 2); P(cluster) the same of
    the sum of its synapses, the weak ones left out (Evolution in Groups, section 2).

    Args:
        truncation: synapses weaker than this share of their layer's strongest do not count for a cluster; in [0, 1).
            The papers truncate and do not say where; 0.1 is ours.
    """

    def __init__(self, truncation: float = 0.1) -> None:
        if not 0 <= truncation < 1:
            raise UserError(f"truncation is {truncation}; it must be at least 0 and below 1 (0.1 is the default)")
        self.truncation = truncation

    def synapses(self, parent: Parent) -> dict[str, Tensor]:
        """{weight: viability |w|/Z - 1 in [-1, 0]}."""
        return {name: _share(weight.abs()) - 1 for name, weight in parent.weights.items()}

    def clusters(self, parent: Parent) -> dict[str, Tensor]:
        """{group: (size,) viability sum/Z - 1 in [-1, 0]}."""
        strong = {name: self._truncated(weight.abs()) for name, weight in parent.weights.items()}
        return {group.name: self._group(group, strong) for group in parent.anatomy.removable}

    def _truncated(self, strength: Tensor) -> Tensor:
        return strength * (strength >= self.truncation * strength.max())

    def _group(self, group: ClusterGroup, strong: dict[str, Tensor]) -> Tensor:
        return _share(sum_over_clusters(group, strong)) - 1


def _share(strength: Tensor) -> Tensor:
    """Strength over the strongest; all zeros stay zeros."""
    return strength.double() / strength.max().double().clamp_min(torch.finfo(torch.float64).tiny)
