"""What strengths know of a parent besides its weights, brought back to the ancestor's index space."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from edgesynth.anatomy import Anatomy, RemovalPlan, scale_uses
from edgesynth.nurture import summed_products
from edgesynth.tasks import Task


def normalization_scales(anatomy: Anatomy, plan: RemovalPlan, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """{scale of a normalization: tensor of the ancestor's shape, zero where dead}.

    Args:
        anatomy: the ancestor's.
        plan: what removal has cut out of the parent.
        weights: the parent's, after removal.
    """
    names = dict.fromkeys(use.parameter for use in scale_uses(anatomy))
    return {name: plan.restored(name, weights) for name in names}


def cluster_products(
    network: nn.Module, task: Task, anatomy: Anatomy, plan: RemovalPlan, generator: torch.Generator
) -> dict[tuple[str, int], Tensor]:
    """Batch by batch, w g summed over each cluster of the layers that write groups which can be cut.

    Args:
        network: the parent's, after removal.
        task: what it learned.
        anatomy: the ancestor's.
        plan: what removal has cut out of the parent.
        generator: source of the batches.

    Returns:
        {(weight, dimension of its clusters): (batches, the ancestor's size), zero where dead}.
    """
    lines = dict.fromkeys((member.parameter, member.dim) for group in anatomy.removable for member in group.writers())
    small = summed_products(network, task, [each for each in lines if each[0] not in plan.stand_ins.gone], generator)
    batches = len(next(iter(small.values())))
    return {
        (name, dim): _uncut(plan, name, dim, small.get((name, dim), torch.zeros(batches, 0))) for name, dim in lines
    }


def _uncut(plan: RemovalPlan, name: str, dim: int, sums: Tensor) -> Tensor:
    kept = plan.kept.get(name, {}).get(dim)
    if kept is None:
        return sums
    full = sums.new_zeros(len(sums), plan.shapes[name][dim])
    full[:, kept] = sums
    return full
