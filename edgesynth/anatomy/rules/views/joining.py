"""Concatenation and stacking: channels stand one after the other."""

from __future__ import annotations

import numpy as np

from edgesynth.anatomy.channels import FIXED, Atoms, Value
from edgesynth.anatomy.rules.call import Call, rule


@rule("cat", "concat", "concatenate")
def concatenate(call: Call) -> Value:
    """Along one dimension; along the others the inputs' channels are tied. Parts without channels cannot be cut."""
    parts = [call.value(part) for part in call.args["tensors"]]
    parts = [part for part in parts if len(part.shape) == len(call.shape)]  # an empty tensor joins anything
    return _joined(call, parts, call.args.get("dim", 0) % len(call.shape))


@rule("stack")
def stack(call: Call) -> Value:
    """Along a new dimension: the inputs' channels are tied."""
    axis = call.args.get("dim", 0) % len(call.shape)
    shape = (*call.shape[:axis], 1, *call.shape[axis + 1 :])
    parts = [call.value(part) for part in call.args["tensors"]]
    lifted = [part.like(shape, None if part.atoms is None else np.expand_dims(part.atoms, axis)) for part in parts]
    return _joined(call, lifted, axis)


def _joined(call: Call, parts: list[Value], axis: int) -> Value:
    known = [part for part in parts if part.atoms is not None]
    if not known:
        return Value(call.shape)
    constants = {part.constant for part in known}
    constant = constants.pop() if len(constants) == 1 else None
    stain = next((part.stain for part in known if part.stain), f"different constants are joined ({call.where})")
    across = {own for part in known for own in part.axes()} - {axis}
    if not across:
        return Value(call.shape, np.concatenate([_along(part, axis) for part in parts], axis=axis), constant, stain)
    if any(axis in part.axes() for part in known):
        for part in known:
            call.protect(part, "joined along and across its channels")
        return Value(call.shape)
    first = known[0].atoms
    assert first is not None
    for part in parts:
        atoms = np.full([1] * len(call.shape), FIXED) if part.atoms is None else part.atoms
        shape = np.broadcast_shapes(first.shape, atoms.shape)
        why = f"joined with values that cannot be cut ({call.where})"
        call.channels.tie(np.broadcast_to(first, shape), np.broadcast_to(atoms, shape), why)
    return Value(call.shape, first, constant, stain)


def _along(part: Value, axis: int) -> Atoms:
    sizes = [size if place == axis else 1 for place, size in enumerate(part.shape)]
    return np.full(sizes, FIXED, dtype=np.int64) if part.atoms is None else part.spread((axis,))
