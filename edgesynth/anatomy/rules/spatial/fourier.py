"""Fourier transforms over space and complex numbers: channels pass."""

from __future__ import annotations

import numpy as np

from edgesynth.anatomy.channels import Value
from edgesynth.anatomy.rules.call import Call, rule

KINDS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")


@rule(*(f"fft_{kind}{rank}" for kind in KINDS for rank in ("", "2", "n")), "fft_fftshift", "fft_ifftshift")
def transform(call: Call) -> Value:
    """Along dimensions that hold no channels; zero stays zero, another constant becomes a peak."""
    value = call.tensor()
    rank = len(value.shape)
    axes = call.args.get("dim", call.args.get("s", call.args.get("n")))
    if call.args.get("dim") is None:  # all dimensions, or the last of those that have a new size
        sizes = call.args.get("s")
        axes = range(rank - len(sizes), rank) if sizes else range(rank)
    axes = axes if isinstance(axes, (list, tuple, range)) else [axes]
    if {axis % rank for axis in axes} & set(value.axes()):
        call.protect(value, f"{call.op} over channels")
        return Value(call.shape)
    constant = 0.0 if value.constant == 0 else None
    return Value(call.shape, value.atoms, constant, f"{call.op} of a constant ({call.where})")


@rule("view_as_real")
def view_as_real(call: Call) -> Value:
    """The two parts in a new last dimension."""
    value = call.tensor()
    atoms = None if value.atoms is None else np.expand_dims(value.atoms, -1)
    constant = 0.0 if value.constant == 0 else None
    return Value(call.shape, atoms, constant, f"parts of a complex constant ({call.where})")


@rule("view_as_complex")
def view_as_complex(call: Call) -> Value:
    """The last dimension are the two parts: channels there cannot be cut."""
    value = call.tensor()
    last = len(value.shape) - 1
    if value.atoms is None:
        return Value(call.shape)
    first = np.take(value.atoms, [0], axis=-1)
    if last in value.axes():
        call.channels.tie(np.broadcast_to(first, value.atoms.shape), value.atoms, f"parts of a number ({call.where})")
    if value.axes() == (last,):
        call.protect(value, "channels are the parts of complex numbers")
        return Value(call.shape)
    return value.like(call.shape, first[..., 0])


@rule("real", "imag")
def part(call: Call) -> Value:
    """One part; of zero it is zero."""
    value = call.tensor()
    constant = 0.0 if value.constant == 0 else None
    return Value(call.shape, value.atoms, constant, f"{call.op} of a constant ({call.where})")
