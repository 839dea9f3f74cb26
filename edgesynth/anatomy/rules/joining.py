"""Concatenation: channels stand one after the other."""

from __future__ import annotations

import numpy as np

from edgesynth.anatomy.channels import Value
from edgesynth.anatomy.rules.call import Call, Operand, rule


@rule("cat", "concat", "concatenate")
def concatenate(call: Call) -> Value:
    """Cat along one dimension; along the others the inputs' channels are tied.

    Parts without known channels get atoms of their own, which are protected.
    """
    parts: list[Operand] = call.args["tensors"]
    rank = len(call.shape)
    along = call.args.get("dim", 0) % rank
    values = [part.value for part in parts]
    dims: list[np.ndarray | None] = [None] * rank
    for axis in range(rank):
        known = [value.dims[axis] for value in values]
        if all(atoms is None for atoms in known):
            continue
        if axis == along:
            dims[axis] = np.concatenate([_atoms(call, value, axis) for value in values])
        else:
            dims[axis] = _atoms(call, values[0], axis)
            for value in values[1:]:
                call.channels.tie(dims[axis], _atoms(call, value, axis))  # type: ignore[arg-type]
    unclean = next((value for value in values if not value.clean), None)
    return Value(call.shape, dims, unclean is None, unclean.stain if unclean else "")


def _atoms(call: Call, value: Value, axis: int) -> np.ndarray:
    atoms = value.dims[axis]
    if atoms is None:
        atoms = call.channels.fresh(value.shape[axis])
        call.channels.protect(atoms, f"joined by {call.where} without being channels of a layer")
    return atoms
