"""Pooling, resampling and padding in space: channels pass."""

from __future__ import annotations

import numpy as np

from edgesynth.anatomy.channels import FIXED, Value, labeled
from edgesynth.anatomy.rules.call import Call, rule

RANKS = (1, 2, 3)
POOLS = [f"{kind}_pool{rank}d" for kind in ("max", "avg", "lp", "adaptive_avg", "adaptive_max") for rank in RANKS]
UPSAMPLINGS = [
    *(f"upsample_{kind}" for kind in ("nearest1d", "nearest2d", "nearest3d", "linear1d", "bilinear2d", "trilinear3d")),
    *("upsample_bicubic2d", "_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d"),
    *("_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"),
]


@rule(*POOLS, *(f"max_pool{rank}d_with_indices" for rank in RANKS), *UPSAMPLINGS)
def pool(call: Call) -> list[Value]:
    """(N, C, ...) or (C, ...) to the same, with indices for some."""
    value = call.value(call.operands()[0])
    channels = len(value.shape) - 1 - next(rank for rank in RANKS if f"{rank}d" in call.op)
    if any(axis > channels for axis in value.axes()):
        value = in_channels(call, value, channels)
    if value.atoms is None:
        return [Value(shape) for shape in call.shapes]
    # Averages count the zeros of the padding, so a constant other than zero does not survive them.
    padding = call.args.get("padding", 0)
    averaged = call.op.startswith(("avg", "lp")) and (np.any(padding) or call.op.startswith("lp"))
    constant = value.constant if value.constant == 0 or not averaged else None
    stain = f"{call.op} of a constant with padding ({call.where})"
    nonnegative = value.nonnegative and call.op.startswith(("max", "avg", "adaptive"))
    first = Value(call.shape, value.atoms, constant, stain, nonnegative)
    indices = f"indices of {call.op} ({call.where})"
    return [first, *(Value(shape, value.atoms, None, indices) for shape in call.shapes[1:])]


@rule("max_unpool2d", "max_unpool3d")
def unpool(call: Call) -> Value:
    """Values at the places of earlier maxima, zeros elsewhere: a channel dies with its places."""
    value, places = in_channels(call, call.tensor()), in_channels(call, call.tensor("indices"))
    if value.atoms is None or places.atoms is None:
        call.protect(value, "put at places that cannot be cut")
        call.protect(places, "places of values that cannot be cut")
        return Value(call.shape)
    call.channels.tie(value.atoms, places.atoms, f"put at places that cannot be cut ({call.where})")
    constant = 0.0 if value.constant == 0 else None
    return Value(call.shape, value.atoms, constant, f"zeros beside a constant ({call.where})", value.nonnegative)


def in_channels(call: Call, value: Value, axis: int = 1) -> Value:
    """The value with its channels in one dimension alone; without any, and protected, where there are none in it."""
    atoms = call.channel_atoms(value, axis)
    return value.like(value.shape, None if atoms is None else labeled(value.shape, axis, atoms).atoms)


@rule("pad", "constant_pad_nd")
def pad(call: Call) -> Value:
    """Padding; padded channels are new ones that cannot be cut."""
    value = call.tensor()
    amounts = list(call.args["pad"])
    mode, filling = call.args.get("mode", "constant"), call.args.get("value") or 0.0
    rank = len(value.shape)
    axes = {rank - 1 - place: (amounts[2 * place], amounts[2 * place + 1]) for place in range(len(amounts) // 2)}
    grown = {axis for axis, amount in axes.items() if any(amount)} & set(value.axes())
    if grown and (mode != "constant" or len(value.axes()) > 1 or min(min(axes[axis]) for axis in grown) < 0):
        call.protect(value, "padding along channels")
        return Value(call.shape)
    atoms = value.atoms
    for axis in grown:
        assert atoms is not None
        width = [axes[axis] if place == axis else (0, 0) for place in range(rank)]
        atoms = np.pad(atoms, width, constant_values=FIXED)
    spatial = any(any(amount) for axis, amount in axes.items() if axis not in grown)
    kept = not spatial or mode != "constant" or value.constant == filling
    return Value(call.shape, atoms, value.constant if kept else None, f"padding of a constant ({call.where})")
