"""Proof of removal: the masked and the removed network agree.

In the masked network everything is where it was, and what a dead cluster emits (its weights, bias, normalization) is
zero. If cutting it out changes an output, the cut was wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edgesynth.anatomy.anatomy import Anatomy, Kept
from edgesynth.anatomy.branches.absent import Absent
from edgesynth.anatomy.removal.removal import remove
from edgesynth.anatomy.tracing.execution import execute
from edgesynth.anatomy.tracing.export import reason_of
from edgesynth.anatomy.tracing.named_tensors import named_tensors
from edgesynth.copying import copied

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}


@dataclass(frozen=True)
class Proof:
    """Result of a comparison.

    Attributes:
        max_abs: largest absolute difference over all outputs.
        max_rel: that difference over the largest magnitude of the masked network's output.
        tolerance: what `max_rel` may reach.
        failure: why the removed network could not run, or why nothing is proven, else empty.
    """

    max_abs: float
    max_rel: float
    tolerance: float
    failure: str = ""

    @property
    def ok(self) -> bool:
        """Whether the two agree."""
        return not self.failure and self.max_rel <= self.tolerance

    @property
    def idle(self) -> bool:
        """Whether both give zeros or what is no number, so that other weights may prove more."""
        return math.isnan(self.max_rel)

    @property
    def flaw(self) -> str:
        """What is wrong, in words; empty where nothing is."""
        return "" if self.ok else self.failure or f"outputs differ by {self.max_rel:.1e} of their size"

    def __bool__(self) -> bool:
        return self.ok


def mask(model: nn.Module, anatomy: Anatomy, kept: Kept) -> nn.Module:
    """A copy of the network with everything that its dead clusters emit set to zero."""
    masked = copied(model)
    tensors = named_tensors(masked)
    with torch.no_grad():
        for parameter, dim, lines in _emitting(anatomy, kept):
            tensors[parameter].index_fill_(dim, lines, 0)
    return masked


@contextmanager
def masked_for_now(model: nn.Module, anatomy: Anatomy, kept: Kept) -> Iterator[nn.Module]:
    """The network itself, masked for a while: a copy of many modules takes longer than to run them once."""
    tensors, before = named_tensors(model), []
    with torch.no_grad():
        for parameter, dim, lines in _emitting(anatomy, kept):
            tensor = tensors[parameter]
            before.append((tensor, dim, lines, tensor.index_select(dim, lines)))
            tensor.index_fill_(dim, lines, 0)
    try:
        yield model
    finally:
        with torch.no_grad():
            for tensor, dim, lines, values in reversed(before):
                tensor.index_copy_(dim, lines, values)


def _emitting(anatomy: Anatomy, kept: Kept) -> Iterator[tuple[str, int, Tensor]]:
    """(parameter, dimension, indices) of everything that dead clusters and branches emit."""
    units_of, ends = anatomy.silenced(kept)
    for name, units in units_of.items():
        group = anatomy.group(name)
        alive = torch.zeros(group.size, dtype=torch.bool)
        alive[list(units)] = True
        for member in group.members:
            if member.role in ("weight", "emit"):
                yield member.parameter, member.dim, member.lines(~alive)
    for parameter in ends:
        shape = anatomy.shapes[parameter]
        yield parameter, 0, torch.arange(shape[0] if shape else 1)


def prove(model: nn.Module, anatomy: Anatomy, kept: Kept, inputs: tuple[Tensor, ...], training: bool = False) -> Proof:
    """Compare the masked and the removed network on real or random inputs.

    Args:
        model: the network that the anatomy was traced from, with any weights.
        anatomy: its anatomy.
        kept: {group name: units kept}.
        inputs: what its forward takes, in the network's own number format, which decides the tolerance: 1e-4 in
            float32, 1e-9 in float64.
        training: compare what they do in training, without chance (see `execution.in_mode`), instead of in evaluation.
    """
    masked, small = mask(model, anatomy, kept), remove(model, anatomy.plan(kept))
    expected = execute(masked, inputs, training).outputs
    try:
        given = execute(small, inputs, training).outputs
    except Exception as error:  # whatever a user's forward raises on smaller tensors is what is looked for
        return failed(f"{type(error).__name__}: {reason_of(error)}")
    return compare(expected, given, tolerance_of(model))


def compare(expected: Sequence[Tensor], given: Sequence[Tensor], tolerance: float) -> Proof:
    """Compare what a masked and a removed network gave.

    Args:
        expected: the masked network's outputs.
        given: the removed network's.
        tolerance: how far they may differ, as a share of the largest expected magnitude.
    """
    wanted, shapes = [tuple(output.shape) for output in expected], [tuple(output.shape) for output in given]
    if wanted != shapes:
        return failed(f"outputs of shape {shapes} instead of {wanted}")
    if any(isinstance(output, Absent) for output in given):
        return failed("an output is computed of a branch that is gone")
    masked, cut = (torch.cat([_numbers(output) for output in outputs]) for outputs in (expected, given))
    difference, scale = (masked - cut).abs().max().item(), masked.abs().max().item()
    if not math.isfinite(difference):
        return Proof(float("nan"), float("nan"), tolerance, "the outputs are not finite")
    if scale == 0 and difference == 0:
        return Proof(difference, float("nan"), tolerance, "all outputs are zero, which proves nothing: set the weights")
    return Proof(difference, difference / scale if scale else math.inf, tolerance)


def failed(failure: str) -> Proof:
    """The proof of a network that cannot be compared."""
    return Proof(math.inf, math.inf, 0.0, failure)


def tolerance_of(model: nn.Module) -> float:
    """How far outputs may differ, by the number format of a network's parameters."""
    return TOLERANCE.get(next((parameter.dtype for parameter in model.parameters()), torch.float32), 1e-4)


def _numbers(output: Tensor) -> Tensor:
    return (torch.view_as_real(output) if output.is_complex() else output).flatten().double()
