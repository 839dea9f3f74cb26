"""Convolutions: rows of the weight are clusters, its columns read the input's channels."""

from __future__ import annotations

from edgesynth.anatomy.channels import Value
from edgesynth.anatomy.rules.call import Call, Operand, rule


@rule("conv1d", "conv2d", "conv3d")
def convolution(call: Call) -> Value:
    """Plain and depthwise; other groupings are protected."""
    images: Operand = call.args["input"]
    weight: Operand = call.args["weight"]
    bias: Operand | None = call.args.get("bias")
    groups = call.args.get("groups", 1)
    out, columns = weight.value.shape[:2]
    if groups == 1:
        rows = call.channels.fresh(out)
        call.bind(weight, 1, call.read(images.value, 1), "read")
    elif columns == 1 and out == groups:
        # Depthwise: each filter belongs to the one channel that it reads, zero in gives zero out but for its bias.
        known = call.read(images.value, 1)
        rows = known if known is not None else call.channels.fresh(out)
        if known is None:
            call.channels.protect(rows, f"depthwise on channels that cannot be removed ({call.where})")
    else:
        call.protect(images.value, f"grouped convolution, {groups} groups")
        rows = call.channels.fresh(out)
        call.channels.protect(rows, f"grouped convolution, {groups} groups ({call.where})")
    call.bind(weight, 0, rows, "weight")
    call.bind(bias, 0, rows, "emit")
    return Value(call.shape, [None, rows, *[None] * (len(call.shape) - 2)])
