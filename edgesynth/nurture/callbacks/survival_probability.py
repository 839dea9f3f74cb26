"""Probability that a synapse or cluster is passed on, as the papers' DNA gives it for a network in training.

P = exp(strength / Z - 1), Z the largest of the layer or of the group (Deep Learning with Darwin, eq. 2; Evolution in
Groups, eq. 1).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from edgesynth.anatomy import Anatomy, ClusterGroup
from edgesynth.anatomy.anatomy import Kept

TRUNCATION = 0.1  # weaker synapses, as a share of their layer's strongest, do not count for a cluster


def synapse_probabilities(weight: Tensor) -> Tensor:
    """Probabilities of a layer's synapses, of the weight's shape, in (0, 1]."""
    return _survival_probability(weight.detach().abs())


def cluster_probabilities(network: nn.Module, group: ClusterGroup) -> Tensor:
    """(size,) probabilities of a group's units by the summed strength of their synapses, in (0, 1], on the CPU."""
    total = torch.zeros(group.size)
    for member in group.writers():
        strength = network.get_parameter(member.parameter).detach().abs()
        strong = strength * (strength >= TRUNCATION * strength.max())
        lines = strong.movedim(member.dim, 0).flatten(1).sum(dim=1).float().cpu()
        ours = torch.from_numpy(np.flatnonzero(member.units >= 0))
        total.index_add_(0, torch.from_numpy(member.units)[ours], lines[ours])
    return _survival_probability(total)


def living_groups(anatomy: Anatomy, kept: Kept) -> tuple[ClusterGroup, ...]:
    """The removable groups of a network from which removal has cut all but the units kept, in its own index space.

    Args:
        anatomy: the ancestor's.
        kept: {group name: units kept}; a group that is not named is whole.
    """
    plan = anatomy.plan(kept)
    groups = []
    for group in anatomy.removable:
        units = np.asarray(kept.get(group.name, range(group.size)), dtype=np.int64)
        if not len(units):
            continue
        place = np.full(group.size + 1, -1, dtype=np.int64)  # the last is for -1, what is not of the group
        place[units] = np.arange(len(units))
        members = []
        for member in (member for member in group.members if member.parameter not in plan.stand_ins.gone):
            left = plan.kept.get(member.parameter, {}).get(member.dim, slice(None))
            members.append(replace(member, units=place[member.units[left]]))
        groups.append(replace(group, size=len(units), members=tuple(members)))
    return tuple(groups)


def _survival_probability(strength: Tensor) -> Tensor:
    return torch.exp(strength / strength.max().clamp_min(torch.finfo(strength.dtype).tiny) - 1)
