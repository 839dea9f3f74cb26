"""Reductions: over space they keep channels, over channels most of them forbid cutting."""

from __future__ import annotations

import numpy as np

from edgesynth.anatomy.channels import Value
from edgesynth.anatomy.rules.call import Call, rule


@rule("mean", "sum", "amax", "amin", "var", "std", "linalg_vector_norm", "norm", "logsumexp", "prod")
def reduce(call: Call) -> Value:
    """Over some dimensions, or all.

    A sum may lose channels that are zero when masked; a mean divides by their number, an extremum looks at them.
    """
    value = call.tensor()
    rank = len(value.shape)
    axes = call.args.get("dim")
    axes = range(rank) if axes is None or axes == [] else axes if isinstance(axes, (list, tuple)) else [axes]
    reduced = {axis % rank for axis in axes}
    lost = [axis for axis in value.axes() if axis in reduced]
    atoms = value.atoms
    if lost and atoms is not None:
        if call.op != "sum" or value.constant != 0:
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
    constant = value.constant if call.op in ("mean", "amax", "amin") or value.constant == 0 else None
    if call.op in ("logsumexp", "prod"):
        constant = None
    return value.like(call.shape, atoms) if constant is not None else Value(call.shape, atoms, None, call.where)


@rule("softmax", "log_softmax", "cumsum", "argmax", "argmin", "sort", "topk", "max", "min")
def over_one_dimension(call: Call) -> list[Value]:
    """Ops along one dimension, which must not hold channels."""
    value = call.tensor()
    axis = call.args.get("dim", -1)
    if axis is None or axis % len(value.shape) in value.axes():
        call.protect(value, f"{call.op} over channels")
        return [Value(shape) for shape in call.shapes]
    return [_beside(call, value, axis % len(value.shape), shape) for shape in call.shapes]


def _beside(call: Call, value: Value, axis: int, shape: tuple[int, ...]) -> Value:
    atoms = value.atoms
    if atoms is not None and len(shape) < len(value.shape):
        atoms = np.squeeze(atoms, axis=axis)
    return Value(shape, atoms, None, f"{call.op} of a constant ({call.where})")
