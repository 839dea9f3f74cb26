"""Strength by magnitude, as in the papers."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from edgesynth.anatomy import ClusterGroup, sum_over_clusters
from edgesynth.errors import UserError
from edgesynth.evolution.synthesis.strength.parent import Parent

Normalizer = Literal["max", "percentile"]
PERCENTILE = 99.9


class MagnitudeStrength:
    """P(synapse) = exp(|w|/Z - 1), Z the layer's largest (Deep Learning with Darwin, section 2); P(cluster) the same of
    the sum of its synapses, the weak ones left out (Evolution in Groups, section 2).

    Args:
        truncation: synapses weaker than this share of their layer's strongest do not count for a cluster; in [0, 1).
            The papers truncate and do not say where; 0.1 is ours.
        normalizer: what Z is: the `max` of a layer, as in the papers, or the 99.9th `percentile` of what lives in it.
            The largest weight is an accident of a layer's size and of the tails of its weights; above the percentile
            all are as strong as can be.
    """

    def __init__(self, truncation: float = 0.1, normalizer: Normalizer = "max") -> None:
        if not 0 <= truncation < 1:
            raise UserError(f"truncation is {truncation}; it must be at least 0 and below 1 (0.1 is the default)")
        self.truncation = truncation
        self.normalizer = normalizer

    def synapses(self, parent: Parent) -> dict[str, Tensor]:
        """{weight: viability |w|/Z - 1 in [-1, 0]}."""
        return {name: self._share(weight.abs(), parent.alive[name]) - 1 for name, weight in parent.weights.items()}

    def clusters(self, parent: Parent) -> dict[str, Tensor]:
        """{group: (size,) viability sum/Z - 1 in [-1, 0]}."""
        strong = {name: self._truncated(weight.abs()) for name, weight in parent.weights.items()}
        return {
            group.name: self._group(group, strong, parent.genome.kept[group.name]) for group in parent.anatomy.removable
        }

    def _truncated(self, strength: Tensor) -> Tensor:
        return strength * (strength >= self.truncation * strength.max())

    def _group(self, group: ClusterGroup, strong: dict[str, Tensor], living: list[int]) -> Tensor:
        return self._share(sum_over_clusters(group, strong), torch.tensor(living, dtype=torch.long)) - 1

    def _share(self, strength: Tensor, living: Tensor) -> Tensor:
        """Strength over Z, at most 1; all zeros stay zeros."""
        if self.normalizer == "max" or not strength[living].any():
            z = strength.max().double()
        else:
            z = torch.tensor(np.percentile(strength[living].double().numpy(), PERCENTILE))
        return (strength.double() / z.clamp_min(torch.finfo(torch.float64).tiny)).clamp_max(1)
