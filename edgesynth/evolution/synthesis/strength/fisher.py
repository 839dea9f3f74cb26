"""Strength by what the loss would say: w^2 E[g^2]."""

from __future__ import annotations

import torch
from torch import Tensor

from edgesynth.anatomy import sum_over_clusters, sum_over_synapses
from edgesynth.evolution.synthesis.strength.parent import Parent


class FisherStrength:
    """A synapse is as strong as the expected square of the loss's change when it dies, w^2 E[g^2].

    The unit is the same in every layer (loss squared), so the synapses of all layers compete: Z is the strongest of the
    network, and a layer with much to spare gives more. A cluster is as strong as its synapses together, for each
    synapse that would die with it: what it is worth over what it costs. There Z is the strongest of its group, as in
    the papers: a filter that is used at many positions would else outweigh every neuron. Strengths span many orders of
    magnitude; viability is their logarithm. This is ours, after first-order Taylor pruning (Molchanov et al., arXiv
    1906.10771) and the diagonal Fisher information (Theis et al., arXiv 1801.05787).

    Args:
        per_synapse: divide a cluster's worth by the synapses that die with it. Where an allocation divides it by what
            is short, that is the scale on which all groups compete, and Z is the strongest of the network.
    """

    def __init__(self, per_synapse: bool = True) -> None:
        self.per_synapse = per_synapse

    def synapses(self, parent: Parent) -> dict[str, Tensor]:
        """{weight: viability ln(s/Z), at most 0; -inf where nothing depends on the synapse}."""
        strengths = self._strengths(parent)
        strongest = max(strength.max().item() for strength in strengths.values())
        return {name: log_share(strength, strongest) for name, strength in strengths.items()}

    def clusters(self, parent: Parent) -> dict[str, Tensor]:
        """{group: (size,) viability of the sum over each unit's synapses, over its group's strongest and its cost}."""
        strengths = self._strengths(parent)
        worths = {group.name: sum_over_clusters(group, strengths) for group in parent.anatomy.removable}
        if not self.per_synapse:
            strongest = max(worth.max().item() for worth in worths.values())
            return {name: log_share(worth, strongest) for name, worth in worths.items()}
        costs = {group.name: sum_over_synapses(group, parent.alive).clamp_min(1) for group in parent.anatomy.removable}
        return {name: log_share(worth, worth.max().item()) - costs[name].log() for name, worth in worths.items()}

    def _strengths(self, parent: Parent) -> dict[str, Tensor]:
        gradients = parent.squared_gradients()
        return {name: weight.double().square() * gradients[name].double() for name, weight in parent.weights.items()}


def log_share(strength: Tensor, strongest: float) -> Tensor:
    """Logarithm of a strength over the strongest, at most 0; -inf where it is zero."""
    return torch.log(strength / max(strongest, torch.finfo(torch.float64).tiny))
