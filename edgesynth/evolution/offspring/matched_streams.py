"""Where an offspring's features are compared with the ancestor's: where what blocks have added up is read last."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgesynth.anatomy import Anatomy, RemovalPlan
from edgesynth.anatomy.groups import layer_name


def matched_streams(anatomy: Anatomy, plan: RemovalPlan, network: nn.Module) -> dict[str, Tensor | None]:
    """{layer: indices of its input channels that an offspring has, None for all}, for `FeatureDistance`.

    Of every group of channels that several layers write, the residual streams, the last convolution or linear layer
    that reads it at each number of channels, which is where a stage ends; and of the whole network the last, which
    answers. What reads a stream before is left free: an offspring lacks blocks, and its others make up for them.

    Args:
        anatomy: of the ancestor.
        plan: what removal cuts of it.
        network: the offspring's.
    """
    order = [weight for weight in anatomy.weights() if _is_plain(network, weight)]
    chosen = set(order[-1:])
    for group in anatomy.groups:
        readers = {member.parameter for member in group.members if member.role == "read"}
        if len({writer.parameter for writer in group.writers()}) > 1:
            # By the number of channels, since a shortcut padded with zeros makes one group of several stages.
            chosen.update({anatomy.shapes[weight][1]: weight for weight in order if weight in readers}.values())
    kept = {weight: plan.kept.get(weight, {}).get(1) for weight in order if weight in chosen}
    return {layer_name(weight): None if indices is None else torch.tensor(indices) for weight, indices in kept.items()}


def _is_plain(network: nn.Module, weight: str) -> bool:
    """Whether a living convolution of one group, or a linear layer, reads its input channels by this weight."""
    name, _, own = weight.rpartition(".")
    try:
        module = network.get_submodule(name)
    except AttributeError:
        return False
    whole = isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)
    return whole and own == "weight"
