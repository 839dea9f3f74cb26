"""Normalization: by statistics of each channel, of blocks of channels, or over channels."""

from __future__ import annotations

import numpy as np

from edgesynth.anatomy.channels import Value
from edgesynth.anatomy.rules.call import Call, rule


@rule("batch_norm", "instance_norm")
def channel_norm(call: Call) -> Value:
    """Scale, shift and statistics follow the channels; a masked channel leaves it as zero, whatever came in."""
    value = call.tensor("input")
    atoms = call.channel_atoms(value)
    affine = call.args.get("weight") is not None
    for name, role in (("weight", "emit"), ("bias", "emit"), ("running_mean", "state"), ("running_var", "state")):
        call.bind(call.args.get(name), 0, atoms, role)  # type: ignore[arg-type]
    # Without scale and shift, batch norm gives -mean/deviation for a masked channel; an instance's own mean gives zero.
    zero = affine or (call.op == "instance_norm" and value.constant is not None)
    return Value(value.shape, value.atoms, 0.0 if zero else None, f"normalization without scale ({call.where})")


@rule("group_norm")
def group_norm(call: Call) -> Value:
    """Statistics of blocks of channels: only whole blocks die."""
    value = call.tensor("input")
    atoms = call.channel_atoms(value)
    if atoms is not None:
        blocks = atoms.reshape(call.args["num_groups"], -1)
        call.channels.tie(
            np.broadcast_to(blocks[:, :1], blocks.shape), blocks, f"shares a group's statistics ({call.where})"
        )
    affine = call.args.get("weight") is not None
    for name in ("weight", "bias"):
        call.bind(call.args.get(name), 0, atoms, "emit")
    zero = affine or value.constant is not None
    return Value(value.shape, value.atoms, 0.0 if zero else None, f"normalization without scale ({call.where})")


@rule("layer_norm", "rms_norm")
def layer_norm(call: Call) -> Value:
    """Statistics over the last dimensions: channels there cannot be cut, for the mean is taken over all of them.

    Its scale and shift are still theirs: what weighs a channel wants to know by how much it is scaled.
    """
    value = call.tensor("input")
    first = len(value.shape) - len(call.args["normalized_shape"])
    if any(axis >= first for axis in value.axes()):
        call.protect(value, f"{call.op} takes its statistics over these channels")
        for axis in value.axes():
            for name in ("weight", "bias") if axis >= first else ():
                call.bind(call.args.get(name), axis - first, value.along(axis), "emit")
    return Value(value.shape, value.atoms, None, f"{call.op} of a constant ({call.where})")
