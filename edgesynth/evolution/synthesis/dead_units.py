"""Dead units: clusters that nothing feeds, or that feed nothing, are removed until nothing changes."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from edgesynth.anatomy import Anatomy, ClusterGroup, Member
from edgesynth.anatomy.groups import layer_name


def remove_dead_units(
    anatomy: Anatomy, clusters: dict[str, Tensor], synapses: dict[str, Tensor], viability: dict[str, Tensor]
) -> int:
    """Remove dead units in place.

    The last cluster of a group is never removed: a layer without clusters would cut the network in two. Groups in
    branches that are dead have none.

    Args:
        anatomy: the ancestor's.
        clusters: {group: (size,) bool}, changed in place.
        synapses: {weight: bool mask}, changed in place; synapses of dead clusters are False afterwards.
        viability: {group: (size,)}; where all living units of a group would die, the one of the highest stays.

    Returns:
        Number of units removed.
    """
    removed = 0
    silence(anatomy, clusters, synapses)
    while True:
        died = 0
        for group in anatomy.removable:
            alive = clusters[group.name]
            living = alive & _fed(anatomy, group, synapses) & _feeding(group, synapses)
            if not living.any() and alive.any():
                living = torch.zeros_like(alive)
                living[strongest(viability[group.name], alive)] = True
            died += int(alive.sum() - (alive & living).sum())
            clusters[group.name] = alive & living
        if not died:
            return removed
        removed += died
        silence(anatomy, clusters, synapses)


def strongest(viability: Tensor, alive: Tensor) -> int:
    """The living unit of the highest viability (size,), be it -inf."""
    least = torch.finfo(viability.dtype).min
    return int(viability.clamp(min=least).masked_fill(~alive, -torch.inf).argmax())


def silence(anatomy: Anatomy, clusters: dict[str, Tensor], synapses: dict[str, Tensor]) -> None:
    """Clear the synapses into and out of dead clusters, in place."""
    for group in anatomy.removable:
        for member in group.members:
            if member.parameter in synapses:
                dead = member.lines(~clusters[group.name])
                synapses[member.parameter].index_fill_(member.dim, dead, False)


def _fed(anatomy: Anatomy, group: ClusterGroup, synapses: dict[str, Tensor]) -> Tensor:
    """(size,) whether a unit's value comes from something.

    What several layers write adds up, in residual streams, and one of them is enough. A depthwise convolution writes on
    what the group's only other layer has written: a unit needs both.
    """
    writers = group.writers()
    later = [member for member in writers if _is_grouped(anatomy, member)]
    first = [member for member in writers if member not in later]
    if len(first) == 1 and later:
        return _touched(group, synapses, first) & _touched(group, synapses, later)
    return _touched(group, synapses, writers)


def _is_grouped(anatomy: Anatomy, member: Member) -> bool:
    module = anatomy.model.get_submodule(layer_name(member.parameter))
    return getattr(module, "groups", 1) > 1


def _feeding(group: ClusterGroup, synapses: dict[str, Tensor]) -> Tensor:
    readers = [member for member in group.members if member.role == "read"]
    return _touched(group, synapses, readers) if readers else torch.ones(group.size, dtype=torch.bool)


def _touched(group: ClusterGroup, synapses: dict[str, Tensor], members: Iterable[Member]) -> Tensor:
    """(size,) whether a unit has a living synapse in any of these members."""
    touched = torch.zeros(group.size, dtype=torch.bool)
    for member in members:
        lines = synapses[member.parameter].transpose(0, member.dim).flatten(1).any(dim=1)
        units = torch.from_numpy(member.units)
        touched[units[(units >= 0) & lines]] = True
    return touched
