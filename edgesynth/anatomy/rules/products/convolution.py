"""Convolutions: one index of the weight's output dimension is a cluster, its input dimension reads channels."""

from __future__ import annotations

import numpy as np

from edgesynth.anatomy.channels import FIXED, Atoms, Value, labeled
from edgesynth.anatomy.rules.call import Call, Operand, rule


@rule("conv1d", "conv2d", "conv3d")
def convolution(call: Call) -> Value:
    """Weight (out, in / groups, ...)."""
    return _convolve(call, written=0, read=1, padded=_padded(call.args.get("padding", 0)))


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def transposed(call: Call) -> Value:
    """Weight (in, out / groups, ...); its output positions see differently many inputs, so no constant folds."""
    return _convolve(call, written=1, read=0, padded=True)


def _convolve(call: Call, written: int, read: int, padded: bool) -> Value:
    """The channel dimension stands before those that the weight spans: a batch may be missing."""
    images: Operand = call.args["input"]
    weight: Operand = call.args["weight"]
    bias: Operand | None = call.args.get("bias")
    value = call.value(images)
    groups = call.args.get("groups", 1)
    axis = len(call.shape) - len(weight.value.shape) + 1
    out = call.shape[axis]
    rows = call.channels.fresh(out)
    if groups == 1:
        call.read(value, axis, weight, read, bias, exact=not padded)
        call.bind(weight, written, rows, "weight")
    else:
        source = _blocks(call, value, axis, groups)
        call.channels.tie(
            np.broadcast_to(source[:, :1], (groups, out // groups)), rows.reshape(groups, -1), _fixed(call, groups)
        )
        # Dimension 0 holds one block after the other; the other dimension is the same for all blocks and never cut.
        if 0 not in weight.value.uniform:  # as of a filter that is repeated for every channel
            call.bind(weight, 0, rows if written == 0 else source.reshape(-1), "weight")
    call.bind(bias, 0, rows, "emit")
    return labeled(call.shape, axis, rows)


def _blocks(call: Call, value: Value, axis: int, groups: int) -> Atoms:
    """(groups, channels / groups) atoms of the input, each block tied into one: only whole blocks die."""
    atoms = value.along(axis)
    if atoms is None:
        call.protect(value, "channels outside the channel dimension")
        return np.full((groups, value.shape[axis] // groups), FIXED, dtype=np.int64)
    if value.constant != 0:
        call.channels.protect(
            atoms, f"a removed channel would leave a constant to a grouped convolution ({call.where})"
        )
    source = atoms.reshape(groups, -1)
    call.channels.tie(np.broadcast_to(source[:, :1], source.shape), source, _fixed(call, groups))
    return source


def _fixed(call: Call, groups: int) -> str:
    return f"a convolution of {groups} groups reads channels that cannot be cut ({call.where})"


def _padded(padding: object) -> bool:
    if isinstance(padding, str):
        return padding != "valid"
    return any(padding) if isinstance(padding, (list, tuple)) else bool(padding)
