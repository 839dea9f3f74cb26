"""The gene pool: what the parents offer, as if it were one parent."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from edgesynth.anatomy import Census, ClusterGroup
from edgesynth.evolution.synthesis.dead_units import silence
from edgesynth.evolution.synthesis.masks import clear_gone, without_dead_branches
from edgesynth.evolution.synthesis.mating.mean import mean_of_holders
from edgesynth.evolution.synthesis.strength import Parent
from edgesynth.evolution.synthesis.synthesis import Ration
from edgesynth.lineage import Config


def gene_pool(parents: Sequence[Parent], needed: int) -> Parent:
    """Candidates among the parents' clusters and synapses.

    A layer of which too little is shared has nothing to offer and would cut the network in two: there the best parent's
    clusters or synapses are the candidates.

    Args:
        parents: the best first.
        needed: how many of them must have a cluster or synapse.

    Returns:
        A parent whose genome is the candidates and whose weights are means over those that have them; its gradients
        are the best parent's, since DNA is encoded from the parents. One parent is given back as it is.
    """
    best = parents[0]
    if len(parents) == 1:
        return best
    clusters = {}
    synapses = {name: _shared([parent.alive[name] for parent in parents], needed) for name in best.alive}
    for group in best.anatomy.removable:
        held = [units_of(parent, group.name) for parent in parents]
        clusters[group.name] = _shared(held, needed)
        if not _candidates(held, needed).any():
            _join(group, clusters[group.name], synapses, best)
    silence(best.anatomy, clusters, synapses)
    kept = {name: torch.nonzero(mask).flatten().tolist() for name, mask in clusters.items()}
    for branch in best.anatomy.removable_branches:
        holders = sum(bool(parent.genome.kept[branch.name]) for parent in parents)
        kept[branch.name] = [0] if holders >= needed else []
    kept = without_dead_branches(best.anatomy, kept)
    clear_gone(best.anatomy, kept, synapses)
    return dataclasses.replace(
        best,
        genome=dataclasses.replace(best.genome, kept=kept, synapses=synapses),
        weights=_means([parent.weights for parent in parents], parents),
        alive=synapses,
    )


def no_more_than(fed: Ration, best: Census, pool: Census, config: Config) -> Ration:
    """Where the pool holds more than the best parent, a level whose budgets are met is drawn to what that parent has.

    A level with a share of 1 is never drawn, and the faithful environment ignores the ration.
    """
    if config.environment == "faithful":
        return fed
    share = config.keep if config.keep_clusters is None else config.keep_clusters
    clusters = best.clusters if fed.clusters is None and share < 1 and pool.clusters > best.clusters else fed.clusters
    rests = fed.synapses is None and config.keep < 1
    return Ration(clusters, best.synapses if rests and pool.synapses > best.synapses else fed.synapses)


def units_of(parent: Parent, group: str) -> Tensor:
    """(size,) bool: which units of a cluster group a parent has."""
    size = next(each.size for each in parent.anatomy.removable if each.name == group)
    mask = torch.zeros(size, dtype=torch.bool)
    mask[parent.genome.kept[group]] = True
    return mask


def _shared(held: Sequence[Tensor], needed: int) -> Tensor:
    candidates = _candidates(held, needed)
    return candidates if candidates.any() else held[0].clone()


def _candidates(held: Sequence[Tensor], needed: int) -> Tensor:
    return torch.stack(list(held)).sum(dim=0) >= needed


def _join(group: ClusterGroup, units: Tensor, synapses: dict[str, Tensor], best: Parent) -> None:
    """Give the pool the synapses by which the best parent's clusters of a group are joined to the rest, in place."""
    for member in group.members:
        if member.parameter in synapses:
            lines = member.lines(units)
            own = best.alive[member.parameter].index_select(member.dim, lines)
            synapses[member.parameter].index_copy_(member.dim, lines, own)


def _means(tensors: Sequence[dict[str, Tensor]], parents: Sequence[Parent]) -> dict[str, Tensor]:
    return {
        name: mean_of_holders([each[name] for each in tensors], [parent.alive[name] for parent in parents])
        for name in parents[0].alive
    }
