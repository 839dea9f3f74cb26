"""What an offspring's network begins with: its parent's weights, the ancestor's of early training, or fresh ones.

The papers train offspring "like a newborn" and let them inherit the architecture; whether weights pass on as well they
leave open (Deep Learning with Darwin, section 2).
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from edgesynth.anatomy import remove
from edgesynth.lineage import Genome, Individual, Species
from edgesynth.nurture import newborn


def heritable(species: Species, parent: Individual, genome: Genome) -> nn.Module:
    """The offspring's network, physically small, with its parent's surviving weights."""
    before = species.plan(parent.genome)
    return _cut(species, genome, {name: before.uncut(name, tensor) for name, tensor in parent.weights.items()})


def rewound(species: Species, early: dict[str, Tensor], genome: Genome) -> nn.Module:
    """The same with the weights that the ancestor had early in its training."""
    return _cut(species, genome, early)


def reborn(species: Species, genome: Genome, generator: torch.Generator) -> nn.Module:
    """The same with fresh weights."""
    return newborn(remove(species.model, species.plan(genome)), generator)


def _cut(species: Species, genome: Genome, weights: dict[str, Tensor]) -> nn.Module:
    """The ancestor's network with weights of its own size, of which removal leaves what is alive."""
    whole = copy.deepcopy(species.model)
    whole.load_state_dict(weights)
    return remove(whole, species.plan(genome))
