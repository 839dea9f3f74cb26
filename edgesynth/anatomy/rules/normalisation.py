"""Normalisation by statistics of each channel on its own."""

from __future__ import annotations

from edgesynth.anatomy.channels import Value
from edgesynth.anatomy.rules.call import Call, Operand, rule


@rule("batch_norm")
def batch_norm(call: Call) -> Value:
    """Scale, shift and statistics follow the channels; a masked channel leaves it as zero, whatever came in."""
    images: Operand = call.args["input"]
    atoms = images.value.dims[1]
    affine = call.args.get("weight") is not None
    for name, role in (("weight", "emit"), ("bias", "emit"), ("running_mean", "state"), ("running_var", "state")):
        call.bind(call.args.get(name), 0, atoms, role)  # type: ignore[arg-type]
    dims = list(images.value.dims)
    if affine:
        return Value(call.shape, dims)
    return Value(
        call.shape, dims, clean=False, stain=f"normalisation without scale emits -mean/deviation ({call.where})"
    )
