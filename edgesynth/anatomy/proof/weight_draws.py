"""Weights with which a proof shows something.

A network that ends in a ReLU, or whose last layer starts at zero, may give zeros whatever is cut inside. A unit that a
ReLU silences for all inputs hides what its cut does. So weights are drawn until the outputs depend on at least a
quarter of the units of every group, and on two of them. Gradients tell that, in one pass for all units. The network's
own weights are tried first; those that are all zero are drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from edgesynth.anatomy.branches.branch import Branch
from edgesynth.anatomy.groups import ClusterGroup, Member
from edgesynth.anatomy.tracing.named_tensors import named_tensors
from edgesynth.copying import copied

OWN = "own"
DRAWS = (OWN, "raised", "positive", "random 1", "random 2", "random 3")


def drawn(model: nn.Module, inputs: tuple[Tensor, ...], draw: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A copy of a network with weights of a draw, and the inputs that go with them; the model is not changed.

    Args:
        model: the network.
        inputs: what its forward takes.
        draw: one of `DRAWS`. `own`: the network's, but for those that are zero. `raised`: the same with every bias and
            scale positive. `positive`: no weight below zero, no input either, which no ReLU stops. `random`: another
            network of the same shape.
    """
    network = copied(model)
    kind, _, number = draw.partition(" ")
    source = torch.Generator().manual_seed(int(number or 0))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.is_floating_point() and parameter.numel():
                parameter.copy_(_values(kind, name, parameter.detach(), source))
    if kind != "positive":
        return network, inputs
    return network, tuple(given.abs() if given.is_floating_point() else given for given in inputs)


def _values(kind: str, name: str, own: Tensor, source: torch.Generator) -> Tensor:
    """What a parameter is in a draw."""

    def normal() -> Tensor:
        return torch.randn(own.shape, generator=source).to(own)

    fan_in = max(1, own.numel() // own.shape[0]) if own.ndim else 1
    if kind == OWN or (kind == "raised" and own.ndim > 1):
        return own if bool(own.any()) else 0.1 * normal()
    if kind == "raised":
        return own.abs() + 0.1 * normal().abs() + 0.1
    if own.ndim <= 1:
        level = 0.2 if name.rpartition(".")[2] == "bias" else 1.0
        return level + 0.1 * level * normal()
    return normal().abs() / fan_in if kind == "positive" else normal() * math.sqrt(2 / fan_in)


def with_gradient(
    network: nn.Module, outputs: Sequence[Tensor], groups: Iterable[ClusterGroup], branches: Iterable[Branch] = ()
) -> set[str]:
    """Names of the groups on enough of whose units the outputs depend, and of the branches, by their gradients.

    Args:
        network: its parameters ask for gradients.
        outputs: what it gave, with their graph.
        groups: of its anatomy.
        branches: of its anatomy.
    """
    tensors = named_tensors(network)
    chosen = {group.name: (group, member) for group in groups for member in [_smallest(group, tensors)] if member}
    ends = {branch.name: [name for name in branch.ends if tensors[name].requires_grad] for branch in branches}
    judged = [output for output in outputs if output.requires_grad]
    names = [*(member.parameter for _, member in chosen.values()), *(name for end in ends.values() for name in end)]
    if not judged or not names:
        return set()
    source = torch.Generator().manual_seed(0)
    total = torch.stack([(output * torch.randn(output.shape, generator=source).to(output)).sum() for output in judged])
    parameters = {name: tensors[name] for name in names}
    gradients = torch.autograd.grad(total.sum(), list(parameters.values()), allow_unused=True)
    known = dict(zip(parameters, gradients, strict=True))
    cut = {
        name
        for name, (group, member) in chosen.items()
        if _count_units(group, member, known[member.parameter]) >= max(min(2, group.size), group.size / 4)
    }
    alive = {name: gradient is not None and bool(gradient.any()) for name, gradient in known.items()}
    return cut | {name for name, end in ends.items() if any(alive[parameter] for parameter in end)}


def _smallest(group: ClusterGroup, tensors: dict[str, Tensor]) -> Member | None:
    """The member with the fewest values whose gradients tell what its units are worth."""
    own = [
        member
        for member in group.members
        if member.role in ("weight", "emit") and tensors[member.parameter].requires_grad
    ]
    return min(own, key=lambda member: tensors[member.parameter].numel(), default=None)


def _count_units(group: ClusterGroup, member: Member, gradient: Tensor | None) -> int:
    """Number of units that the outputs depend on."""
    if gradient is None:
        return 0
    lines = (gradient != 0).movedim(member.dim, 0)
    lines = lines.reshape(len(lines), -1).any(dim=1)
    units = torch.from_numpy(member.units)
    return len(set(units[(units >= 0) & lines].tolist()))
