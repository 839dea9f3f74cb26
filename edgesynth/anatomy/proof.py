"""Proof of removal: the masked and the removed network agree.

In the masked network everything is where it was, and what a dead cluster emits (its weights, bias, normalisation) is
zero. If cutting it out changes an output, the cut was wrong.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edgesynth.anatomy.anatomy import Anatomy, Kept
from edgesynth.anatomy.removal import remove
from edgesynth.anatomy.tracing import evaluating

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}


@dataclass(frozen=True)
class Proof:
    """Result of a comparison.

    Attributes:
        max_abs: largest absolute difference over all outputs.
        max_rel: that difference over the largest magnitude of the masked network's output.
        tolerance: what `max_rel` may reach.
        failure: why the removed network could not run, else empty.
    """

    max_abs: float
    max_rel: float
    tolerance: float
    failure: str = ""

    @property
    def ok(self) -> bool:
        """Whether the two agree."""
        return not self.failure and self.max_rel <= self.tolerance

    def __bool__(self) -> bool:
        return self.ok


def mask(model: nn.Module, anatomy: Anatomy, kept: Kept) -> nn.Module:
    """A copy of the network with everything that its dead clusters emit set to zero."""
    masked = copy.deepcopy(model)
    tensors = {**dict(masked.named_parameters()), **dict(masked.named_buffers())}
    with torch.no_grad():
        for name, units in kept.items():
            group = anatomy.group(name)
            alive = torch.zeros(group.size, dtype=torch.bool)
            alive[list(units)] = True
            for member in group.members:
                if member.role in ("weight", "emit"):
                    tensors[member.parameter].index_fill_(member.dim, member.lines(~alive), 0)
    return masked


def prove(model: nn.Module, anatomy: Anatomy, kept: Kept, inputs: tuple[Tensor, ...]) -> Proof:
    """Compare the masked and the removed network on real or random inputs, in evaluation mode.

    Args:
        model: the network that the anatomy was traced from, with any weights.
        anatomy: its anatomy.
        kept: {group name: units kept}.
        inputs: what its forward takes, in the network's own number format, which decides the tolerance: 1e-4 in
            float32, 1e-9 in float64.
    """
    masked, small = mask(model, anatomy, kept), remove(model, anatomy.plan(kept))
    tolerance = TOLERANCE.get(next((one.dtype for one in model.parameters()), torch.float32), 1e-4)
    with evaluating(masked), evaluating(small), torch.no_grad():
        expected = _flat(masked(*inputs))
        try:
            got = _flat(small(*inputs))
        except Exception as error:  # whatever a user's forward raises on smaller tensors is the finding
            return Proof(float("inf"), float("inf"), tolerance, f"{type(error).__name__}: {str(error).splitlines()[0]}")
    if expected.shape != got.shape:
        return Proof(float("inf"), float("inf"), tolerance, f"output of size {len(got)} instead of {len(expected)}")
    difference, scale = (expected - got).abs().max().item(), expected.abs().max().item()
    if not math.isfinite(difference):
        return Proof(float("nan"), float("nan"), tolerance, "the outputs are not finite")
    if scale == 0:
        return Proof(difference, float("nan"), tolerance, "all outputs are zero, which proves nothing: set the weights")
    return Proof(difference, difference / scale, tolerance)


def prove_groups(model: nn.Module, anatomy: Anatomy, inputs: tuple[Tensor, ...]) -> Anatomy:
    """Cut most of every removable group; protect the groups that break the proof, and say why.

    Every second unit stays of a group's first half, every fourth of its second: code that takes both halves for equally
    large is found out.

    Parameters that are all zero (a last layer, a residual's scale before training) would hide what is behind them: the
    proof is made on a copy in which they are not. And it is made in float64 where the network runs in it: of an
    untrained network's output little depends on the input, so that in float32 a wrong cut could pass for noise.

    Returns:
        The anatomy in which the cut of all removable groups together has been proven.
    """
    model, inputs = _in_float64(_without_zeros(model), inputs)
    some: dict[str, Sequence[int]] = {group.name: _some(group.size) for group in anatomy.removable if group.size > 1}
    proven: dict[str, Sequence[int]] = {}
    waiting = [list(some)]
    while waiting:
        names = waiting.pop()
        proof = prove(model, anatomy, {**proven, **{name: some[name] for name in names}}, inputs)
        if proof:
            proven.update({name: some[name] for name in names})
        elif len(names) == 1:
            why = proof.failure or f"outputs differ by {proof.max_rel:.1e} of their size"
            anatomy = anatomy.protected(names[0], f"the proof of removal failed: {why}")
        else:
            middle = len(names) // 2
            waiting += [names[middle:], names[:middle]]
    return anatomy


def _some(size: int) -> list[int]:
    half = size // 2
    return [*range(0, half, 2), *range(half, size, 4)] if size >= 6 else [*range(0, size, 2)]


def _in_float64(model: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The network and its inputs in float64; as they are, if its forward insists on another format."""
    wide = tuple(one.double() if one.is_floating_point() else one for one in inputs)
    double = copy.deepcopy(model).double()
    try:
        with evaluating(double), torch.no_grad():
            double(*wide)
    except (RuntimeError, TypeError):
        return model, inputs
    return double, wide


def _without_zeros(model: nn.Module) -> nn.Module:
    shaken = copy.deepcopy(model)
    source = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in shaken.parameters():
            if parameter.is_floating_point() and not parameter.any():
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=source))
    return shaken


def _flat(outputs: object) -> Tensor:
    leaves = [leaf for leaf in torch.utils._pytree.tree_leaves(outputs) if isinstance(leaf, Tensor)]
    return torch.cat([leaf.flatten() for leaf in leaves])
