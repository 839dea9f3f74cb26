"""Strength by layer-adaptive magnitude: how much of what is left of a layer a synapse is."""

from __future__ import annotations

import torch
from torch import Tensor

from edgesynth.anatomy import sum_over_clusters
from edgesynth.evolution.synthesis.strength.parent import Parent


class LampStrength:
    """A synapse is as strong as its share w^2 of all that are at least as strong (Lee et al., arXiv 2010.07611, eq. 4).

    The strongest of every layer has 1, however wide the layer is: layers compete by how evenly their weights are
    spread, no layer dies out, and no share needs to be set by hand. For clusters the same of sums of w^2.
    """

    def synapses(self, parent: Parent) -> dict[str, Tensor]:
        """{weight: viability, the logarithm of the share, at most 0; -inf where the weight is zero}."""
        return {name: lamp_share(weight.double().square()).log() for name, weight in parent.weights.items()}

    def clusters(self, parent: Parent) -> dict[str, Tensor]:
        """{group: (size,) viability, the logarithm of the share, at most 0}."""
        squares = {name: weight.double().square() for name, weight in parent.weights.items()}
        return {group.name: lamp_share(sum_over_clusters(group, squares)).log() for group in parent.anatomy.removable}


def lamp_share(strength: Tensor) -> Tensor:
    """Each over the sum of all that are at least as strong; any shape, float64, >= 0; zero stays zero."""
    ordered, order = strength.flatten().sort(descending=True)
    _, runs = ordered.unique_consecutive(return_counts=True)
    last = (runs.cumsum(0) - 1).repeat_interleave(runs)  # equals stand together: each sum takes in all of them
    shares = torch.empty_like(ordered)
    shares[order] = ordered / ordered.cumsum(0)[last].clamp_min(torch.finfo(torch.float64).tiny)
    return shares.reshape(strength.shape)
