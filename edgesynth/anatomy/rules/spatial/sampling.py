"""Sampling in space and windows: channels pass, or become one for each place of a window."""

from __future__ import annotations

import math

import numpy as np

from edgesynth.anatomy.channels import Value, labeled
from edgesynth.anatomy.rules.call import Call, rule
from edgesynth.anatomy.rules.spatial.pooling import in_channels

ZEROS = 0  # grid_sample's padding mode that fills with zeros


@rule("grid_sampler", "grid_sampler_2d", "grid_sampler_3d", "cudnn_grid_sampler")
def grid_sample(call: Call) -> Value:
    """(N, C, ...) at places (N, ..., coordinates): channels pass, coordinates are none."""
    value, places = in_channels(call, call.tensor("input")), call.tensor("grid")
    call.protect(places, "coordinates at which another tensor is sampled")
    kept = value.constant == 0 or call.args.get("padding_mode") != ZEROS
    constant = value.constant if kept else None
    return Value(call.shape, value.atoms, constant, f"{call.op} of a constant ({call.where})")


@rule("affine_grid_generator")
def affine_grid(call: Call) -> Value:
    """Places by a matrix of which no part can be cut."""
    call.protect(call.tensor("theta"), "a matrix of coordinates")
    return Value(call.shape)


@rule("im2col")
def unfold(call: Call) -> Value:
    """(N, C, H, W) to (N, C k k, positions): each channel becomes one for each place of the window."""
    value = call.tensor()
    atoms = call.channel_atoms(value)
    if atoms is None:
        return Value(call.shape)
    constant = value.constant if value.constant == 0 or not np.any(call.args["padding"]) else None
    windows = labeled(call.shape, 1, np.repeat(atoms, call.shape[1] // value.shape[1])).atoms
    return Value(call.shape, windows, constant, f"padding of a constant ({call.where})")


@rule("col2im")
def fold(call: Call) -> Value:
    """(N, C k k, positions) to (N, C, H, W): a channel's places die together."""
    value = call.tensor()
    atoms = call.channel_atoms(value)
    if atoms is None:
        return Value(call.shape)
    blocks = atoms.reshape(-1, math.prod(call.args["kernel_size"]))
    call.channels.tie(np.broadcast_to(blocks[:, :1], blocks.shape), blocks, f"places of a window ({call.where})")
    constant = 0.0 if value.constant == 0 else None
    stain = f"overlapping windows of a constant ({call.where})"
    return Value(call.shape, labeled(call.shape, 1, blocks[:, 0].copy()).atoms, constant, stain)


@rule("unfold")
def windows(call: Call) -> Value:
    """Windows along one dimension that holds no channels, in a new last dimension."""
    value = call.tensor()
    axis = call.args["dimension"] % len(value.shape)
    if axis in value.axes():
        call.protect(value, "windows over channels")
        return Value(call.shape)
    return value.like(call.shape, None if value.atoms is None else np.expand_dims(value.atoms, -1))
