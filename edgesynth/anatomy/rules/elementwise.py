"""Elementwise operations: channels pass through, and two sides that meet are tied."""

from __future__ import annotations

import numpy as np

from edgesynth.anatomy.channels import Value
from edgesynth.anatomy.rules.call import Call, Operand, rule

KEEPS_ZERO = (
    "relu",
    "relu6",
    "leaky_relu",
    "prelu",
    "elu",
    "selu",
    "celu",
    "gelu",
    "silu",
    "mish",
    "tanh",
    "hardswish",
    "hardtanh",
    "softsign",
    "abs",
    "neg",
    "sin",
    "sqrt",
    "square",
    "sign",
    "dropout",
    "feature_dropout",
    "alpha_dropout",
    "clone",
    "contiguous",
    "detach",
    "to",
    "_to_copy",
    "alias",
    "lift_fresh_copy",
)
MOVES_ZERO = (
    "sigmoid",
    "hardsigmoid",
    "softplus",
    "exp",
    "cos",
    "log",
    "rsqrt",
    "reciprocal",
    "log_sigmoid",
)


@rule(*KEEPS_ZERO)
def keeps_zero(call: Call) -> Value:
    """f(0) = 0: a masked channel stays zero."""
    value = call.operands()[0].value
    if call.op == "prelu":
        call.bind(call.args["weight"], 0, value.dims[1] if call.args["weight"].value.shape[0] > 1 else None, "state")
    if call.op == "hardtanh" and not call.args.get("min_val", -1) <= 0 <= call.args.get("max_val", 1):
        return moves_zero(call)
    return Value(call.shape, list(value.dims), value.clean, value.stain)


@rule(*MOVES_ZERO)
def moves_zero(call: Call) -> Value:
    """f(0) is not 0: a masked channel becomes a constant."""
    value = call.operands()[0].value
    return Value(call.shape, list(value.dims), clean=False, stain=f"{call.op} of 0 is not 0 ({call.where})")


@rule("clamp")
def clamp(call: Call) -> Value:
    """Keeps zero when zero lies within the bounds."""
    low, high = call.args.get("min"), call.args.get("max")
    inside = all(bound is None or isinstance(bound, (int, float)) for bound in (low, high))
    inside = inside and (low is None or low <= 0) and (high is None or high >= 0)
    return keeps_zero(call) if inside else moves_zero(call)


@rule("add", "sub", "mul", "div")
def combine(call: Call) -> Value:
    """Sum, difference, product or quotient with broadcasting; the channels that meet are tied."""
    left, right = call.args["self"], call.args["other"]
    product = call.op in ("mul", "div")
    if not isinstance(left, Operand) or not isinstance(right, Operand):
        value = (left if isinstance(left, Operand) else right).value
        if product or (left if right is None else right) == 0:
            return Value(call.shape, list(value.dims), value.clean, value.stain)
        return Value(call.shape, list(value.dims), clean=False, stain=f"{call.op} of a constant ({call.where})")
    dims = [_meet(call, left, right, dim - len(call.shape)) for dim in range(len(call.shape))]
    clean, stain = _cleanliness(call, left, right, product)
    return Value(call.shape, dims, clean, stain)


def _dim(operand: Operand, dim: int) -> tuple[int, np.ndarray | None]:
    """Size and atoms of an operand along a dimension counted from the end; (1, None) where it has none."""
    if -dim > len(operand.value.shape):
        return 1, None
    return operand.value.shape[dim], operand.value.dims[dim]


def _meet(call: Call, left: Operand, right: Operand, dim: int) -> np.ndarray | None:
    (size, ours), (other_size, theirs) = _dim(left, dim), _dim(right, dim)
    if ours is None and theirs is None:
        return None
    if ours is not None and theirs is not None:
        if size == other_size:
            call.channels.tie(ours, theirs)
            return ours
        call.protect(left.value, "one channel broadcast over many")
        call.protect(right.value, "one channel broadcast over many")
        return None
    known, other, width = (ours, right, other_size) if ours is not None else (theirs, left, size)
    assert known is not None
    if width == 1 and len(known) > 1:
        return known
    if other.parameter is not None:
        call.bind(other, len(other.value.shape) + dim, known, "emit")
        return known
    call.channels.protect(known, f"meets channels that cannot be removed ({call.where})")
    return known


def _cleanliness(call: Call, left: Operand, right: Operand, product: bool) -> tuple[bool, str]:
    """A product is zero if one factor is, a sum only if all its terms are; a plain tensor never is zero by masking."""
    clean = [operand.value.clean and _masked(operand) for operand in (left, right)]
    stains = [
        operand.value.stain or f"{call.op} of values without removable channels ({call.where})"
        for operand in (left, right)
    ]
    ok = any(clean) if product and call.op == "mul" else clean[0] if product else all(clean)
    return (True, "") if ok else (False, stains[clean.index(False)])


def _masked(operand: Operand) -> bool:
    """Whether masking a cluster reaches this operand: it carries channels, or it is a parameter that is zeroed too."""
    if operand.parameter is not None:
        return any(size > 1 for size in operand.value.shape)
    return bool(operand.value.atoms())
