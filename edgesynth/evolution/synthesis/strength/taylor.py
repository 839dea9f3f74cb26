"""Strength by first-order Taylor expansion: (sum of w g)^2."""

from __future__ import annotations

import torch
from torch import Tensor

from edgesynth.anatomy import ClusterGroup
from edgesynth.evolution.synthesis.strength.fisher import FisherStrength, log_share
from edgesynth.evolution.synthesis.strength.parent import Parent


class TaylorStrength:
    """A cluster is as strong as the expected square of the loss's change when all of it dies, E[(sum of w g)^2].

    After Molchanov et al. (arXiv 1906.10771, eq. 8), over batches where they have single gradients. Fisher strength
    adds up the squares of the synapses instead, as if each died alone: synapses whose deaths undo each other count for
    it, and not here. Worth is in the loss's unit squared in every layer, so all groups compete: Z is the strongest of
    the network, and what a cluster costs is left to `--allocation`. A single synapse is its own sum: its strength is
    that of Fisher.
    """

    def synapses(self, parent: Parent) -> dict[str, Tensor]:
        """{weight: viability ln(s/Z), at most 0; -inf where nothing depends on the synapse}."""
        return FisherStrength().synapses(parent)

    def clusters(self, parent: Parent) -> dict[str, Tensor]:
        """{group: (size,) viability ln(s/Z), at most 0; -inf where nothing depends on the cluster}."""
        products = parent.summed_products()
        worths = {group.name: _worth(group, products) for group in parent.anatomy.removable}
        strongest = max(worth.max().item() for worth in worths.values())
        return {name: log_share(worth, strongest) for name, worth in worths.items()}


def _worth(group: ClusterGroup, products: dict[tuple[str, int], Tensor]) -> Tensor:
    """(size,) mean over batches of the squared sum of products over each unit's clusters."""
    batches = len(next(iter(products.values())))
    total = torch.zeros(batches, group.size, dtype=torch.float64)
    for member in group.writers():
        lines, units = products[member.parameter, member.dim].double(), torch.from_numpy(member.units)
        total.index_add_(1, units[units >= 0], lines[:, units >= 0])
    return total.square().mean(dim=0)
