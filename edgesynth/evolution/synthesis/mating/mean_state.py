"""The weights that an offspring inherits from several parents."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from edgesynth.evolution.synthesis.mating.mean import mean_of_holders
from edgesynth.evolution.synthesis.strength.parent import alive_synapses
from edgesynth.lineage import Individual, Species


def mean_state(species: Species, parents: Sequence[Individual]) -> dict[str, Tensor]:
    """Every parameter and buffer at the ancestor's size: the mean over the parents that have it, else zero.

    A synapse that is missing in the best parent comes from those that have it. Siblings started from the same weights
    and were nurtured for a short time, so that their mean is a network like each of them (Wortsman et al., arXiv
    2203.05482). The papers do not say; taking the best parent's weights wherever it has them gave offspring as
    accurate on digits, within the scatter. Counters, which have no mean, are the best parent's.

    Args:
        species: the run's.
        parents: the best first.

    Returns:
        {name: tensor of the ancestor's shape}; of one parent its own.
    """
    plans = [species.plan(parent.genome) for parent in parents]
    shapes = species.model.state_dict()
    states = [
        {
            name: plan.uncut(name, parent.weights[name]) if name in parent.weights else torch.zeros_like(own)
            for name, own in shapes.items()
        }
        for plan, parent in zip(plans, parents, strict=True)
    ]
    if len(parents) == 1:
        return states[0]
    alive = [alive_synapses(species.anatomy, parent.genome) for parent in parents]

    def held(place: int, name: str) -> Tensor:
        if name not in parents[place].weights:
            return torch.zeros_like(shapes[name], dtype=torch.bool)
        everything = torch.ones_like(parents[place].weights[name], dtype=torch.bool)
        first = species.anatomy.aliases.get(name, name)
        return alive[place].get(first, plans[place].uncut(name, everything))

    return {
        name: mean_of_holders([state[name] for state in states], [held(place, name) for place in range(len(parents))])
        if tensor.is_floating_point()
        else tensor
        for name, tensor in states[0].items()
    }
