"""Pooling and resampling in space: channels pass, zero stays zero."""

from __future__ import annotations

from edgesynth.anatomy.channels import Value
from edgesynth.anatomy.rules.call import Call, Operand, rule


@rule(
    *[f"{kind}_pool{rank}d" for kind in ("max", "avg", "adaptive_avg", "lp") for rank in (1, 2, 3)],
    "upsample_nearest2d",
    "upsample_bilinear2d",
    "upsample_bicubic2d",
)
def pool(call: Call) -> Value:
    """(N, C, ...) to (N, C, ...); channels that lie in a spatial dimension are protected."""
    images: Operand = next(iter(call.operands()))
    for atoms in images.value.dims[2:]:
        if atoms is not None:
            call.channels.protect(atoms, f"channels in a spatial dimension ({call.where})")
    value = images.value
    return Value(call.shape, [None, value.dims[1], *[None] * (len(call.shape) - 2)], value.clean, value.stain)


@rule("mean", "sum", "amax")
def reduce(call: Call) -> Value:
    """Reduction over some dimensions; a reduced dimension must not hold channels."""
    source: Operand = call.args["self"]
    value = source.value
    rank = len(value.shape)
    axes = call.args.get("dim")
    axes = range(rank) if axes is None else axes if isinstance(axes, (list, tuple)) else [axes]
    reduced = {axis % rank for axis in axes}
    for axis in reduced:
        atoms = value.dims[axis]
        if atoms is not None:
            call.channels.protect(atoms, f"{call.op} over channels ({call.where})")
    if call.args.get("keepdim", False):
        dims = [None if axis in reduced else value.dims[axis] for axis in range(rank)]
    else:
        dims = [value.dims[axis] for axis in range(rank) if axis not in reduced]
    return Value(call.shape, dims, value.clean, value.stain)
