"""The parent as a strength sees it: everything in the ancestor's index space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from edgesynth.anatomy import Anatomy
from edgesynth.lineage import Genome


def _unmeasured() -> dict[tuple[str, int], Tensor]:
    raise ValueError("this parent was made without summed_products, which its strength needs")


@dataclass(frozen=True)
class Parent:
    """A parent, ready for encoding.

    Attributes:
        anatomy: the ancestor's.
        genome: what is alive in the parent.
        weights: {weight of a convolution or linear layer: tensor of the ancestor's full shape, zero where dead}.
        alive: {the same: bool mask}.
        squared_gradients: measures {the same: mean squared gradient}, called only by strengths that need it.
        scales: looks up {scale of a normalization: tensor of the ancestor's shape}, called only by strengths that need
            it; see `anatomy.output_scales`.
        summed_products: measures {(weight, dimension of its clusters): (batches, size) sum of w g over each cluster},
            called only by strengths that need it.
    """

    anatomy: Anatomy
    genome: Genome
    weights: dict[str, Tensor]
    alive: dict[str, Tensor]
    squared_gradients: Callable[[], dict[str, Tensor]]
    scales: Callable[[], dict[str, Tensor]] = dict
    summed_products: Callable[[], dict[tuple[str, int], Tensor]] = _unmeasured


def alive_synapses(anatomy: Anatomy, genome: Genome) -> dict[str, Tensor]:
    """{weight: bool mask of the ancestor's shape}: living synapses between living clusters."""
    alive = {
        name: genome.synapses.get(name, torch.ones(anatomy.shapes[name], dtype=torch.bool))
        for name in anatomy.weights()
    }
    for name, dims in anatomy.plan(genome.kept).kept.items():
        if name in alive:
            for dim, indices in dims.items():
                dead = torch.ones(alive[name].shape[dim], dtype=torch.bool)
                dead[indices] = False
                alive[name] = alive[name].index_fill(dim, torch.nonzero(dead).flatten(), False)
    return alive
