"""Units of the groups that can be cut: those of a genome as masks, and masks as a genome names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from edgesynth.anatomy import Anatomy
from edgesynth.lineage import Genome

UnitValues = dict[str, Tensor]


def living(anatomy: Anatomy, genome: Genome) -> UnitValues:
    """{group that can be cut: (size,) bool} of what lives."""
    masks = {}
    for group in anatomy.removable:
        masks[group.name] = torch.zeros(group.size, dtype=torch.bool)
        masks[group.name][genome.kept[group.name]] = True
    return masks


def without_dead_branches(anatomy: Anatomy, kept: dict[str, list[int]]) -> dict[str, list[int]]:
    """The units kept: a branch dies if a group in it has no unit left, and a dead one leaves no unit of its groups."""
    kept = dict(kept)
    while True:
        before = dict(kept)
        for branch in anatomy.removable_branches:
            groups = [name for name in (*branch.inner, branch.joined) if name in kept]
            if not kept[branch.name] or any(not kept[name] for name in groups):
                kept.update({name: [] for name in (branch.name, *groups)})
        if kept == before:
            return kept


def clear_gone(anatomy: Anatomy, kept: Mapping[str, Sequence[int]], synapses: dict[str, Tensor]) -> None:
    """Clear the synapses of layers that are gone with a branch, in place."""
    for name in anatomy.gone(kept):
        if name in synapses:
            synapses[name].fill_(False)


def kept_units(alive: UnitValues, anatomy: Anatomy, genome: Genome) -> dict[str, list[int]]:
    """{group: its living units, ascending} of masks (size,), and the branches of a genome as they are in it."""
    branches = {branch.name: list(genome.kept[branch.name]) for branch in anatomy.removable_branches}
    return {**{name: torch.nonzero(mask).flatten().tolist() for name, mask in alive.items()}, **branches}
