"""Sums over the units of a cluster group: what all the synapses of a unit have together, in every layer at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from edgesynth.anatomy.groups import ClusterGroup, Member


def sum_over_clusters(group: ClusterGroup, synapses: Mapping[str, Tensor]) -> Tensor:
    """(size,) sum of a quantity of synapses over each unit's clusters, in all layers that write the group."""
    return _sum(group, group.writers(), synapses)


def sum_over_synapses(group: ClusterGroup, synapses: Mapping[str, Tensor]) -> Tensor:
    """(size,) the same over all synapses that die with a unit: those of its clusters and those that read them."""
    return _sum(group, [member for member in group.members if member.parameter in synapses], synapses)


def _sum(group: ClusterGroup, members: Iterable[Member], synapses: Mapping[str, Tensor]) -> Tensor:
    total = torch.zeros(group.size, dtype=torch.float64)
    for member in members:
        lines = synapses[member.parameter].double().movedim(member.dim, 0).flatten(1).sum(dim=1)
        ours = np.flatnonzero(member.units >= 0)
        total.index_add_(0, torch.from_numpy(member.units[ours]), lines[torch.from_numpy(ours)])
    return total
