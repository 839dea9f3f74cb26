"""Pointwise operations: channels pass through, and what meets is tied.

What an op makes of a masked cluster is computed: the op itself is called on the constant that the cluster holds, with
random values for its other operands. If the result is always the same, that is the constant from here on.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from edgesynth.anatomy.channels import Atoms, Value, compact
from edgesynth.anatomy.rules.call import Call, Operand, rule
from edgesynth.anatomy.rules.computed import outcome

SAMPLES = 64
NONNEGATIVE = ("relu", "relu6", "sigmoid", "hardsigmoid", "abs", "square", "exp", "softplus", "sqrt")
KEEPING_SIGN = ("mul", "add", "div", "maximum", "minimum", "pow", "clamp_min")


@rule(
    *("dropout", "feature_dropout", "alpha_dropout", "clone", "contiguous", "detach", "alias", "lift_fresh_copy"),
    *("to", "_to_copy", "type_as", "positive", "resolve_conj", "resolve_neg"),
)
def same(call: Call) -> Value:
    """The tensor itself, in evaluation mode."""
    return call.value(call.operands()[0])


@rule("zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like")
def filled(call: Call) -> Value:
    """A tensor of the same shape, whatever it holds."""
    value = call.value(call.operands()[0])
    constant = {"zeros_like": 0.0, "ones_like": 1.0, "full_like": call.args.get("fill_value")}.get(call.op)
    return Value(value.shape, value.atoms, constant, f"{call.op} ({call.where})")


@rule("new_zeros", "new_ones", "new_full", "zeros", "ones", "full")
def number(call: Call) -> Value:
    """A tensor of a size of its own, which holds one number."""
    held = {"zeros": 0.0, "ones": 1.0}.get(call.op.removeprefix("new_"), call.args.get("fill_value"))
    return Value(call.shape, None, held, uniform=frozenset(range(len(call.shape))))


@rule("new_empty", "empty")
def unrelated(call: Call) -> Value:
    """A tensor of a size of its own."""
    return Value(call.shape)


@rule("copy")
def copy(call: Call) -> Value:
    """The source, spread over the whole of the target: what the target held is gone."""
    target, source = call.tensor(), call.tensor("src")
    if source.atoms is None:
        call.protect(target, "overwritten by values that cannot be cut")
        return Value(call.shape)
    added = len(call.shape) - len(source.shape)
    return source.like(call.shape, source.atoms.reshape([1] * added + list(source.atoms.shape)))


@rule("prelu")
def prelu(call: Call) -> Value:
    """A slope for each channel, or one for all; zero stays zero."""
    value, slope = call.tensor(), call.args["weight"]
    if slope.value.shape[0] > 1:
        call.bind(slope, 0, value.along(1), "state")
    constant = 0.0 if value.constant == 0 else None
    return Value(value.shape, value.atoms, constant, f"prelu of a constant ({call.where})")


@rule("hardswish", "hardsigmoid", "mish", "rrelu", "softsign", "logsigmoid", "log_sigmoid", "celu", "selu", "relu6")
def pointwise(call: Call) -> Value:
    """Any op that torch marks as pointwise, and those of which it forgot to; with broadcasting."""
    rank = len(call.shape)
    operands = [_known(call, operand) for operand in call.operands()]
    values = [operand.value for operand in operands]
    atoms = [None if operand.parameter else _stretched(operand.value.atoms, rank) for operand in operands]
    atoms = _without_gates(call, atoms)
    known = [labels for labels in atoms if labels is not None]
    if not known:
        return Value(call.shape, None, None, "", _nonnegative(call, values), _uniform(values, call.shape))
    axes = sorted({axis - rank for labels in known for axis, size in enumerate(labels.shape) if size > 1})
    met = [_meet(call, operand, labels, axes, known) for operand, labels in zip(operands, atoms, strict=True)]
    result = _tied(call, known)
    constant = _constant(call, operands, met)
    stain = "" if constant is not None else f"{call.op} in between ({call.where})"
    return Value(call.shape, result, constant, stain, _nonnegative(call, values))


def _known(call: Call, operand: Operand) -> Operand:
    """An operand that is computed from parameters with one dimension worth the name has their channels."""
    return operand if operand.parameter else replace(operand, value=call.value(operand))


def _nonnegative(call: Call, values: list[Value]) -> bool:
    numbers = [each for each in call.args.values() if isinstance(each, (int, float))]
    positive = all(value.nonnegative for value in values) and all(each >= 0 for each in numbers)
    return call.op in NONNEGATIVE or (call.op in KEEPING_SIGN and positive)


def _uniform(values: list[Value], shape: tuple[int, ...]) -> frozenset[int]:
    """Dimensions along which all elements of the result are equal."""
    rank = len(shape)
    varying = {
        rank - len(value.shape) + axis for value in values for axis in range(len(value.shape)) if value.varies(axis)
    }
    return frozenset(axis for axis, size in enumerate(shape) if size > 1 and axis not in varying)


def _without_gates(call: Call, atoms: list[Atoms | None]) -> list[Atoms | None]:
    """Protect a single channel that meets many, such as an attention gate's: it ties none of them."""
    widest = max((labels.size for labels in atoms if labels is not None), default=1)
    gates = [labels for labels in atoms if labels is not None and labels.size == 1 < widest]
    for gate in gates:
        call.channels.protect(gate, f"a single channel that meets many ({call.where})")
    return [None if any(labels is gate for gate in gates) else labels for labels in atoms]


def _stretched(atoms: Atoms | None, rank: int) -> Atoms | None:
    return None if atoms is None else atoms.reshape([1] * (rank - atoms.ndim) + list(atoms.shape))


def _meet(call: Call, operand: Operand, atoms: Atoms | None, axes: list[int], known: list[Atoms]) -> bool:
    """Settle an operand with the channels of the others.

    Returns:
        Whether masking a cluster reaches this operand.
    """
    if atoms is not None:
        return True
    shape = operand.value.shape
    wide = [axis for axis in axes if -axis <= len(shape) and operand.value.varies(axis)]
    for axis in wide:
        along = [other for other in known if other.shape[axis] > 1]
        lines = [
            other
            for other in along
            if all(size == 1 for place, size in enumerate(other.shape) if place != other.ndim + axis)
        ]
        if operand.sources and len(lines) == len(along):
            call.bind(operand, len(shape) + axis, lines[0].reshape(-1), "emit")
        else:
            for other in along:
                call.channels.protect(other, f"meets values that cannot be cut ({call.where})")
    return bool(wide) and bool(operand.sources)


def _tied(call: Call, known: list[Atoms]) -> Atoms:
    """The channels of all operands, tied where they meet."""
    shape = np.broadcast_shapes(*(atoms.shape for atoms in known))
    why = f"meets channels that cannot be cut ({call.where})"
    first = np.broadcast_to(known[0], shape)
    for other in known[1:]:
        call.channels.tie(first, np.broadcast_to(other, shape), why)
    return compact(first)


def _constant(call: Call, operands: list[Operand], reached: list[bool]) -> float | None:
    """What the op makes of a masked cluster; None if that depends on the inputs."""
    source = torch.Generator().manual_seed(0)
    samples: dict[int, Tensor | None] = {
        id(given): _sample(call, operand, masked, source)
        for given, operand, masked in zip(call.operands(), operands, reached, strict=True)
    }

    return outcome(call, samples)


def _sample(call: Call, operand: Operand, masked: bool, source: torch.Generator) -> Tensor:
    constant = 0.0 if operand.sources else operand.value.constant
    if masked and constant is not None:
        return torch.full((SAMPLES,), constant).to(operand.dtype)
    return (3 * torch.randn(SAMPLES, generator=source)).to(operand.dtype)
