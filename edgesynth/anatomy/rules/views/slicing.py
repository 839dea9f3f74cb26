"""Parts of a tensor: the same parts of its atoms."""

from __future__ import annotations

import numpy as np

from edgesynth.anatomy.channels import Atoms, Channels, Value
from edgesynth.anatomy.rules.call import Call, Operand, rule


@rule("slice", "narrow")
def slice_(call: Call) -> Value:
    """A range of one dimension."""
    value = call.tensor()
    axis = call.args.get("dim", 0) % len(value.shape)
    start = call.args.get("start") or 0
    stop = start + call.args["length"] if call.op == "narrow" else call.args.get("end")
    return _part(call, value, axis, slice(start, stop, call.args.get("step", 1)), call.shape)


def write_part(channels: Channels, whole: Value, part: Value, axis: int | None, where: str) -> Value:
    """What a tensor is when a part of it has been written to.

    Args:
        channels: the ledger to write to.
        whole: what it was.
        part: what is written.
        axis: the dimension of which the part is a range; None where it is another view.
        where: op and module, for messages.
    """
    why = f"written in place through a view ({where})"
    known = [value for value in (whole, part) if value.atoms is not None]
    wide = {place for value in known for place in value.axes()}
    others = [value for value in (whole, part) if value.atoms is None]
    if (
        axis is None
        or axis % len(whole.shape) in wide
        or any(value.varies(place) for value in others for place in wide)
    ):
        for value in known:
            assert value.atoms is not None
            channels.protect(value.atoms, why)
        return Value(whole.shape)
    atoms = [value.atoms for value in known if value.atoms is not None]
    for other in atoms[1:]:
        shape = np.broadcast_shapes(atoms[0].shape, other.shape)
        channels.tie(np.broadcast_to(atoms[0], shape), np.broadcast_to(other, shape), why)
    constant = whole.constant if whole.constant == part.constant else None
    return Value(whole.shape, atoms[0] if atoms else None, constant, why)


@rule("select")
def select(call: Call) -> Value:
    """One index of a dimension, which goes away."""
    value = call.tensor()
    axis, index = call.args["dim"] % len(value.shape), call.args["index"]
    if value.atoms is None:
        return Value(call.shape)
    if value.axes() == (axis,):
        call.protect(value, "one channel is picked by its number")
        return Value(call.shape)
    lines = value.spread((axis,)) if axis in value.axes() else value.atoms
    picked = np.take(lines, [index if axis in value.axes() else 0], axis=axis)
    # Of channels that spread over several dimensions, whole lines along the picked one die: its size stays.
    call.channels.tie(
        np.broadcast_to(picked, lines.shape), lines, f"picked beside channels that cannot be cut ({call.where})"
    )
    return value.like(call.shape, np.squeeze(picked, axis=axis))


@rule("chunk", "split", "split_with_sizes", "tensor_split", "unbind", "unsafe_chunk", "unsafe_split")
def split(call: Call) -> list[Value]:
    """Consecutive parts. Parts of equal size must stay equal, for the code says how many there are, not where."""
    value = call.tensor()
    axis = call.args.get("dim", 0) % len(value.shape)
    gone = call.op == "unbind"
    sizes = [1 if gone else shape[axis] for shape in call.shapes]
    stops = np.cumsum(sizes)
    if value.atoms is None or axis not in value.axes():
        return [_unbound(value, axis, shape) if gone else value.like(shape, value.atoms) for shape in call.shapes]
    parts = [
        value.spread((axis,)).take(range(stop - size, stop), axis=axis) for size, stop in zip(sizes, stops, strict=True)
    ]
    for part, size in zip(parts[1:], sizes[1:], strict=True):
        if size == sizes[0]:
            call.channels.tie(parts[0], part, f"split beside channels that cannot be cut ({call.where})")
    if len(set(sizes)) > 1:
        call.protect(value, "split into unequal parts")
    return [
        value.like(shape, np.squeeze(part, axis=axis) if gone else part)
        for part, shape in zip(parts, call.shapes, strict=True)
    ]


def _unbound(value: Value, axis: int, shape: tuple[int, ...]) -> Value:
    return value.like(shape, None if value.atoms is None else np.squeeze(value.atoms, axis=axis))


@rule("glu")
def glu(call: Call) -> Value:
    """The first half times the sigmoid of the second: both die together."""
    value = call.tensor()
    axis = call.args.get("dim", -1) % len(value.shape)
    if value.atoms is None or axis not in value.axes():
        constant = value.constant if value.constant == 0 else None
        return Value(call.shape, value.atoms, constant, f"glu of a constant ({call.where})")
    passed, gate = np.split(value.spread((axis,)), 2, axis=axis)
    call.channels.tie(passed, gate, f"a gate that cannot be cut ({call.where})")
    constant = value.constant if value.constant == 0 else None
    return Value(call.shape, passed, constant, f"glu of a constant ({call.where})")


@rule("index_select", "index", "gather", "masked_select")
def index(call: Call) -> Value:
    """Chosen indices of dimensions that hold no channels; of channels, the choice is written in the code."""
    value = call.tensor()
    places = _indexed(call, len(value.shape))
    if value.atoms is None:
        return Value(call.shape)
    if places is None or len(places) != 1 or places[0] in value.axes():
        call.protect(value, "channels are picked by number")
        return Value(call.shape)
    grown = len(call.shape) - len(value.shape)
    atoms = value.atoms.reshape(
        [*value.atoms.shape[: places[0]], *[1] * (1 + grown), *value.atoms.shape[places[0] + 1 :]]
    )
    return value.like(call.shape, atoms)


def _indexed(call: Call, rank: int) -> list[int] | None:
    if call.op == "index_select":
        return [call.args["dim"] % rank]
    if call.op == "index":
        return [place for place, item in enumerate(call.args["indices"]) if isinstance(item, Operand)]
    return None


def _part(call: Call, value: Value, axis: int, part: slice, shape: tuple[int, ...]) -> Value:
    if value.atoms is None:
        return Value(shape)
    atoms: Atoms = value.atoms
    if axis in value.axes():
        atoms = value.spread((axis,))[
            tuple(part if place == axis else slice(None) for place in range(len(value.shape)))
        ]
    return value.like(shape, atoms)
