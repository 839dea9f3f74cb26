"""Units of the groups that can be cut: those of a genome as masks, and masks as a genome names them."""

from __future__ import annotations

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


def kept_units(alive: UnitValues) -> dict[str, list[int]]:
    """{group: its living units, ascending} of masks (size,)."""
    return {name: torch.nonzero(mask).flatten().tolist() for name, mask in alive.items()}
