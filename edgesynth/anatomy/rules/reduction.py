"""Reductions: over space they keep channels, over channels most of them forbid cutting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from edgesynth.anatomy.channels import Value
from edgesynth.anatomy.rules.call import Call, Operand, rule
from edgesynth.anatomy.rules.elementwise import pointwise

KEEPING = (
    "mean",
    "amax",
    "amin",
    "max",
    "min",
    "aminmax",
    "median",
    "nanmedian",
    "mode",
    "kthvalue",
    "cummax",
    "cummin",
)


@rule("mean", "sum", "amax", "amin", "var", "std", "linalg_vector_norm", "norm", "logsumexp", "prod")
def reduce(call: Call) -> Value:
    """Over some dimensions, or all.

    A sum or norm may lose channels that are zero when masked, a maximum if nothing is below zero; a mean divides by
    their number, other extrema look at them.
    """
    value = call.tensor()
    rank = len(value.shape)
    axes = call.args.get("dim")
    axes = range(rank) if axes is None or axes == [] else axes if isinstance(axes, (list, tuple)) else [axes]
    reduced = {axis % rank for axis in axes}
    lost = [axis for axis in value.axes() if axis in reduced]
    atoms = value.atoms
    if lost and atoms is not None:
        if not _loses_zeros(call, value):
            call.protect(value, f"{call.op} over channels")
            return Value(call.shape)
        line = atoms
        for axis in lost:
            line = np.take(line, [0], axis=axis)
        if len(value.axes()) > len(lost):
            call.channels.tie(
                np.broadcast_to(line, atoms.shape), atoms, f"a sum over part of the channels ({call.where})"
            )
        atoms = line if len(value.axes()) > len(lost) else None
    if atoms is not None and len(call.shape) < rank:
        atoms = atoms.reshape([size for axis, size in enumerate(atoms.shape) if axis not in reduced])
    constant = value.constant if call.op in KEEPING or value.constant == 0 else None
    if call.op in ("logsumexp", "prod"):
        constant = None
    nonnegative = value.nonnegative or call.op in ("var", "std", "linalg_vector_norm", "norm")
    return Value(call.shape, atoms, constant, value.stain or f"{call.op} of a constant ({call.where})", nonnegative)


def _loses_zeros(call: Call, value: Value) -> bool:
    """Whether channels that are zero change nothing."""
    order = call.args.get("ord", call.args.get("p"))
    order = 2 if order is None else order
    norm = call.op in ("linalg_vector_norm", "norm") and isinstance(order, (int, float)) and order >= 0
    return value.constant == 0 and (call.op == "sum" or norm or (call.op == "amax" and value.nonnegative))


@rule("var_mean", "std_mean")
def moments(call: Call) -> list[Value]:
    """Two outputs, the spread and the mean, over the same dimensions."""
    mean = reduce(_as(call, "mean", call.shapes[1]))
    constant = 0.0 if mean.constant is not None else None
    return [Value(call.shape, mean.atoms, constant, mean.stain, nonnegative=True), mean]


def _as(call: Call, op: str, shape: tuple[int, ...], **arguments: Any) -> Call:
    """The same call as if it were of another op."""
    return replace(call, op=op, args=arguments or call.args, shapes=[shape])


@rule("cosine_similarity")
def cosine_similarity(call: Call) -> Value:
    """A product summed over one dimension, over both norms: what is zero in both tensors changes none of them."""
    first, second = call.args["x1"], call.args["x2"]
    axis, shape = call.args["dim"], np.broadcast_shapes(first.value.shape, second.value.shape)
    product = _as(call, "mul", shape, self=first, other=second)
    product.target = torch.ops.aten.mul.Tensor
    for operand in (first, second):
        norm = np.delete(operand.value.shape, axis)
        reduce(_as(call, "linalg_vector_norm", tuple(int(size) for size in norm), self=operand, dim=[axis]))
    return reduce(_as(call, "sum", call.shape, self=Operand(pointwise(product)), dim=[axis]))


@rule("max", "min")
def extremum(call: Call) -> Value | list[Value]:
    """Three ops of one name: the larger of two tensors, the largest along a dimension with its index, and of all."""
    if isinstance(call.args.get("other"), Operand):
        return pointwise(call)
    return over_one_dimension(call)


@rule(
    *("softmax", "log_softmax", "cumsum", "cumprod", "logcumsumexp", "argmax", "argmin", "argsort", "sort", "msort"),
    *("topk", "aminmax", "median", "nanmedian", "mode", "kthvalue", "cummax", "cummin", "diff"),
)
def over_one_dimension(call: Call) -> list[Value]:
    """Ops along one dimension, which must not hold channels: values, and for some of them indices too.

    Indices of a masked channel are those of equal values, and no constant. Without a dimension all of them are meant,
    or the whole tensor as one row.
    """
    value = call.tensor()
    axis = call.args.get("dim", None if call.op in OVER_ALL else -1)
    if axis is None or axis % len(value.shape) in value.axes():
        call.protect(value, f"{call.op} over channels")
        return [Value(shape) for shape in call.shapes]
    outputs = [_per_line(call, value, axis % len(value.shape), shape) for shape in call.shapes]
    second = outputs[1:] if call.op == "aminmax" else [_indices(call, each) for each in outputs[1:]]
    return [*outputs[:1], *second]


OVER_ALL = ("max", "min", "argmax", "argmin", "aminmax", "median", "nanmedian", "msort")


def _per_line(call: Call, value: Value, axis: int, shape: tuple[int, ...]) -> Value:
    atoms = value.atoms
    if atoms is not None and len(shape) < len(value.shape):
        atoms = np.squeeze(atoms, axis=axis)
    zero = value.constant == 0 and call.op in (*KEEPING, "sort", "topk", "cumsum", "diff")
    keeps = call.op in (*KEEPING, "sort", "topk")
    constant = value.constant if keeps or zero else None
    stain = value.stain if keeps else f"{call.op} of a constant ({call.where})"
    return Value(shape, atoms, constant, stain, value.nonnegative and keeps)


def _indices(call: Call, values: Value) -> Value:
    return Value(values.shape, values.atoms, None, f"indices of {call.op} ({call.where})")
