"""Views: the atoms are viewed as the tensor is."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from edgesynth.anatomy.channels import Atoms, Channels, StatedSize, Value, compact
from edgesynth.anatomy.rules.call import Call, rule

LARGEST = 1 << 24  # elements of an array of atoms: beyond that a view protects


@rule(
    "flatten", "view", "reshape", "unflatten", "squeeze", "unsqueeze", "_unsafe_view", "view_as", "reshape_as", "ravel"
)
def reshape(call: Call) -> Value:
    """Any view, by matching runs of dimensions of equal product; a channel merged with space is repeated."""
    value = call.tensor()
    if value.atoms is None:
        return Value(call.shape)
    inner: list[int] = []
    outer: list[int] = []
    atoms = value.atoms
    for before, after in runs(value.shape, call.shape):
        varies = any(atoms.shape[axis] > 1 for axis in before)
        inner += [value.shape[axis] if varies else 1 for axis in before]
        outer += [call.shape[axis] if varies else 1 for axis in after]
    if math.prod(inner) > LARGEST:
        call.protect(value, "a view too large to follow")
        return Value(call.shape)
    viewed = compact(np.broadcast_to(atoms, inner).reshape(outer))
    note_grid(call.channels, viewed)
    if call.op == "unflatten" and call.module:
        axis, sizes = call.args["dim"] % len(value.shape), len(call.args["sizes"])
        part = np.moveaxis(viewed, range(axis, axis + sizes), range(sizes))
        spread = np.broadcast_to(part, call.shape[axis : axis + sizes] + part.shape[sizes:])
        call.channels.stated.append(
            StatedSize(call.module, "unflattened_size", spread.reshape(*spread.shape[:sizes], -1)[..., 0])
        )
    return value.like(call.shape, viewed)


def note_grid(channels: Channels, atoms: Atoms) -> None:
    """Remember atoms that lie along several dimensions of a tensor."""
    wide = [size for size in atoms.shape if size > 1]
    if len(wide) > 1:
        channels.grid(atoms.reshape(wide))


def runs(before: tuple[int, ...], after: tuple[int, ...]) -> Iterator[tuple[list[int], list[int]]]:
    """Shortest runs of dimensions of two shapes that hold equally many elements, in order."""
    start = stop = 0
    while start < len(before) or stop < len(after):
        left, right = 1, 1
        ours: list[int] = []
        theirs: list[int] = []
        while not ours or not theirs or left != right:
            if start < len(before) and (left <= right or stop == len(after)):
                ours.append(start)
                left *= before[start]
                start += 1
            elif stop < len(after):
                theirs.append(stop)
                right *= after[stop]
                stop += 1
            else:
                break
        yield ours, theirs


@rule("permute", "transpose", "t", "numpy_T", "mT", "movedim", "swapaxes", "swapdims")
def permute(call: Call) -> Value:
    """Dimensions in another order."""
    value = call.tensor()
    if value.atoms is None:
        return Value(call.shape)
    return value.like(call.shape, value.atoms.transpose(axis_order(call, len(value.shape))))


def axis_order(call: Call, rank: int) -> list[int]:
    """Which dimension of the input each dimension of the output is."""
    arguments = list(call.args.values())[1:]
    if call.op == "permute":
        return [axis % rank for axis in arguments[0]]
    order = list(range(rank))
    if call.op == "movedim":
        source, target = (item if isinstance(item, (list, tuple)) else [item] for item in arguments)
        moved = dict(zip((axis % rank for axis in target), (axis % rank for axis in source), strict=True))
        rest = iter(axis for axis in order if axis not in moved.values())
        return [moved[axis] if axis in moved else next(rest) for axis in order]
    if call.op == "numpy_T":
        return order[::-1]
    first, second = arguments if len(arguments) == 2 else (-1, -2)
    if rank > 1:
        order[first], order[second] = order[second], order[first]
    return order


@rule("expand", "expand_as", "broadcast_to")
def expand(call: Call) -> Value:
    """New leading dimensions, and ones stretched: nothing new along them."""
    value = call.tensor()
    if value.atoms is None:
        return Value(call.shape, None, None, uniform=_stretched(value, call.shape))
    return value.like(
        call.shape, value.atoms.reshape([1] * (len(call.shape) - len(value.shape)) + list(value.atoms.shape))
    )


def _stretched(value: Value, shape: tuple[int, ...]) -> frozenset[int]:
    """Dimensions of a larger shape along which copies of a value are equal."""
    added = len(shape) - len(value.shape)
    return frozenset(range(added)) | {
        added + axis
        for axis, size in enumerate(value.shape)
        if size == 1 < shape[added + axis] or axis in value.uniform
    }


@rule("repeat", "tile", "repeat_interleave")
def repeat(call: Call) -> Value:
    """Copies; of channels, each copy lives with its original."""
    value = call.tensor()
    if value.atoms is None:
        uniform = _stretched(value, call.shape) if call.op == "repeat" else frozenset[int]()
        return Value(call.shape, None, None, uniform=uniform)
    times = call.args.get("repeats", call.args.get("dims"))
    if not isinstance(times, (list, tuple)):
        call.protect(value, f"{call.op} of channels")
        return Value(call.shape)
    times = [1] * (len(call.shape) - len(times)) + list(times)
    atoms = value.atoms.reshape([1] * (len(call.shape) - len(value.shape)) + list(value.atoms.shape))
    return value.like(
        call.shape, np.tile(atoms, [count if size > 1 else 1 for count, size in zip(times, atoms.shape, strict=True)])
    )


@rule("flip")
def flip(call: Call) -> Value:
    """Reversed dimensions."""
    value = call.tensor()
    return value.like(call.shape, None if value.atoms is None else np.flip(value.atoms, call.args["dims"]))


@rule("roll")
def roll(call: Call) -> Value:
    """Rolled along dimensions that hold no channels; a roll of channels depends on their number."""
    value = call.tensor()
    axes = {axis % len(value.shape) for axis in call.args.get("dims", ())}
    if axes & set(value.axes()) or (not axes and value.atoms is not None):
        call.protect(value, "a roll along channels")
        return Value(call.shape)
    return value


@rule("pixel_shuffle")
def pixel_shuffle(call: Call) -> Value:
    """(N, C r^2, H, W) to (N, C, H r, W r): r^2 channels make one, and die together."""
    value = call.tensor()
    atoms = call.channel_atoms(value)
    if atoms is None:
        return Value(call.shape)
    blocks = atoms.reshape(call.shape[1], -1)
    call.channels.tie(np.broadcast_to(blocks[:, :1], blocks.shape), blocks, f"a pixel shuffle's block ({call.where})")
    return value.like(call.shape, blocks[:, 0].reshape(1, -1, 1, 1))


@rule("pixel_unshuffle")
def pixel_unshuffle(call: Call) -> Value:
    """(N, C, H r, W r) to (N, C r^2, H, W): each channel becomes r^2."""
    value = call.tensor()
    atoms = call.channel_atoms(value)
    if atoms is None:
        return Value(call.shape)
    return value.like(call.shape, np.repeat(atoms, call.shape[1] // value.shape[1]).reshape(1, -1, 1, 1))


@rule("channel_shuffle")
def channel_shuffle(call: Call) -> Value:
    """Groups interleaved: the same place of every group dies together, so that the groups stay equal."""
    value = call.tensor()
    atoms = call.channel_atoms(value)
    if atoms is None:
        return Value(call.shape)
    table = atoms.reshape(call.args["groups"], -1)
    call.channels.grid(table)
    return value.like(call.shape, table.T.reshape([1, -1] + [1] * (len(call.shape) - 2)))
