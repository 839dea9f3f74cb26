"""Views: flatten, reshape, permute, squeeze. Channels follow where they stay whole."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from edgesynth.anatomy.channels import Value
from edgesynth.anatomy.rules.call import Call, Operand, rule


@rule("flatten", "view", "reshape", "unflatten", "squeeze", "unsqueeze", "_unsafe_view")
def reshape(call: Call) -> Value:
    """Any view, by matching runs of dimensions of equal product.

    A channel dimension merged with space is repeated, H * W inputs to a channel; one that would be split, or merged
    with another, is protected.
    """
    source: Operand = call.args["self"]
    value = source.value
    dims: list[np.ndarray | None] = [None] * len(call.shape)
    for inner, outer in _runs(value.shape, call.shape):
        known = [axis for axis in inner if value.dims[axis] is not None]
        wide = [axis for axis in outer if call.shape[axis] > 1]
        if not known:
            continue
        if len(known) == 1 and len(wide) == 1:
            dims[wide[0]] = _spread(value, inner, known[0])
            continue
        for axis in known:
            atoms = value.dims[axis]
            assert atoms is not None
            if len(atoms) > 1 or len(known) > 1 or len(wide) > 1:
                call.channels.protect(atoms, f"channels split or merged by a view ({call.where})")
            elif outer:
                dims[outer[0]] = atoms
    return Value(call.shape, dims, value.clean, value.stain)


def _spread(value: Value, run: list[int], axis: int) -> np.ndarray:
    """Atoms of a run of dimensions flattened to one, when only `axis` of them holds channels."""
    atoms = value.dims[axis]
    assert atoms is not None
    sizes = [value.shape[one] for one in run]
    position = run.index(axis)
    view = atoms.reshape([-1 if place == position else 1 for place in range(len(run))])
    return np.broadcast_to(view, sizes).reshape(-1)


def _runs(before: tuple[int, ...], after: tuple[int, ...]) -> Iterator[tuple[list[int], list[int]]]:
    """Shortest runs of dimensions of two shapes that hold equally many elements; ones stick to the run before."""
    start = stop = 0
    while start < len(before) or stop < len(after):
        left, right = [start] if start < len(before) else [], [stop] if stop < len(after) else []
        start, stop = start + 1, stop + 1
        while True:
            ours, theirs = math.prod(before[axis] for axis in left), math.prod(after[axis] for axis in right)
            if ours < theirs and start < len(before):
                left, start = [*left, start], start + 1
            elif theirs < ours and stop < len(after):
                right, stop = [*right, stop], stop + 1
            else:
                break
        while start < len(before) and before[start] == 1 and not (stop < len(after) and after[stop] == 1):
            left, start = [*left, start], start + 1
        while stop < len(after) and after[stop] == 1 and not (start < len(before) and before[start] == 1):
            right, stop = [*right, stop], stop + 1
        yield left, right


@rule("permute", "transpose")
def permute(call: Call) -> Value:
    """Dimensions in another order; the order is read off an array of the same shape."""
    source: Operand = call.args["self"]
    value = source.value
    rank = len(value.shape)
    if call.op == "permute":
        order = [axis % rank for axis in call.args["dims"]]
    else:
        order = list(range(rank))
        first, second = call.args["dim0"], call.args["dim1"]
        order[first], order[second] = order[second], order[first]
    return Value(call.shape, [value.dims[axis] for axis in order], value.clean, value.stain)
