"""What an offspring's network begins with: its parent's weights, the ancestor's of early training, or fresh ones.

The papers train offspring "like a newborn" and let them inherit the architecture; whether weights pass on as well they
leave open (Deep Learning with Darwin, section 2).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from edgesynth.anatomy import remove
from edgesynth.errors import UserError
from edgesynth.evolution.synthesis.mating import mean_state
from edgesynth.lineage import Config, Genome, Individual, Species, set_state
from edgesynth.nurture import newborn, undrawn
from edgesynth.object_registry import is_registered
from edgesynth.tasks.datasets.summarize import summarize


def check_newborn(config: Config, model: nn.Module) -> None:
    """Refuse newborn offspring of a network that was handed over, where they would keep what it may have learned.

    One that is built by name or import is untrained: what cannot be drawn anew is as it was built.

    Args:
        config: the run's.
        model: the ancestor's network, as `Species.model`.

    Raises:
        UserError: some of its parameters are drawn by no module.
    """
    options = {"--inheritance": config.inheritance, "--final-inheritance": config.final_inheritance}
    asking = [option for option, value in options.items() if value == "newborn"]
    if not asking or not is_registered(config.ancestor):
        return
    if names := undrawn(model):
        raise UserError(
            f"{asking[0]} is newborn and {config.ancestor}, which was given ready made, would keep what it has learned "
            f"in parameters that none of its modules can draw anew ({summarize(names)}); give their modules a "
            "reset_parameters(), or the network as package.module:callable, which builds it untrained, or use heritable"
        )


def heritable(species: Species, parents: Sequence[Individual], genome: Genome) -> nn.Module:
    """The offspring's network, physically small, with its parents' surviving weights; see `mean_state`."""
    return _cut(species, genome, mean_state(species, parents))


def rewound(species: Species, early: dict[str, Tensor], genome: Genome) -> nn.Module:
    """The same with the weights that the ancestor had early in its training."""
    return _cut(species, genome, early)


def reborn(species: Species, genome: Genome, generator: torch.Generator) -> nn.Module:
    """The same with fresh weights."""
    return newborn(remove(species.model, species.plan(genome)), generator)


def _cut(species: Species, genome: Genome, weights: dict[str, Tensor]) -> nn.Module:
    """The ancestor's network with weights of its own size, of which removal leaves what is alive."""
    whole = copy.deepcopy(species.model)
    set_state(whole, weights)
    return remove(whole, species.plan(genome))
