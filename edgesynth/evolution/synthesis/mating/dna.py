"""The DNA of several parents: what they together think of a cluster or synapse."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from edgesynth.evolution.synthesis.dna import Dna
from edgesynth.evolution.synthesis.mating.mean import mean_of_holders
from edgesynth.evolution.synthesis.mating.pool import units_of
from edgesynth.evolution.synthesis.strength import Parent

# Strengths whose viability is a share of the strongest less one; that of the others is a logarithm or constant.
SHARES = ("magnitude", "norm")


def mean_dna(dnas: Sequence[Dna], parents: Sequence[Parent], strength: str) -> Dna:
    """Combine the parents' DNA, each factor over the parents that have the cluster or synapse.

    The papers multiply strengths, prod_k alpha_k W_k (arXiv 1811.07966, eq. 1-2), so that the product's scale depends
    on the number of parents. Here it is the geometric mean of |w|/Z_k, which does not. Viabilities of other strengths
    are logarithms already, and their mean is that geometric mean.

    Args:
        dnas: one for each parent.
        parents: the same, in the same order.
        strength: name of the strength that encoded them.

    Returns:
        Viabilities; -inf where no parent has the cluster or synapse. One parent's DNA is given back as it is.
    """
    if len(dnas) == 1:
        return dnas[0]
    mean = _mean_share if strength in SHARES else _mean_viability
    clusters = {
        name: mean([dna.clusters[name] for dna in dnas], [units_of(parent, name) for parent in parents])
        for name in dnas[0].clusters
    }
    synapses = {
        name: mean([dna.synapses[name] for dna in dnas], [parent.alive[name] for parent in parents])
        for name in dnas[0].synapses
    }
    branches = {
        name: mean(
            [dna.branches[name] for dna in dnas], [torch.tensor([bool(parent.genome.kept[name])]) for parent in parents]
        )
        for name in dnas[0].branches
    }
    return Dna(clusters, synapses, branches)


def _mean_viability(viabilities: Sequence[Tensor], held: Sequence[Tensor]) -> Tensor:
    return mean_of_holders(viabilities, held, -torch.inf)


def _mean_share(viabilities: Sequence[Tensor], held: Sequence[Tensor]) -> Tensor:
    mean = _mean_viability([torch.log1p(viability) for viability in viabilities], held)
    return torch.where(torch.stack(list(held)).any(dim=0), torch.expm1(mean), -torch.inf)
