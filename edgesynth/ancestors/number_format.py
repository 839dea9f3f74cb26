"""Number format: ancestors are trained and written in float32, whatever format they come in."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from edgesynth.errors import UserError

MISMATCH = ("dtype", "type (", "scalar type")  # in what torch says of an operation on two formats


def in_float32(ancestor: str, network: nn.Module, input_shape: Sequence[int]) -> str:
    """Bring every floating-point tensor of a network to float32, in place.

    Args:
        ancestor: its name.
        network: the network.
        input_shape: (C, H, W) of one image, float32.

    Returns:
        What is to be reported of it; empty where all was float32.

    Raises:
        UserError: its forward insists on another format.
    """
    tensors = [*network.parameters(), *network.buffers()]
    formats = sorted({_name(own.dtype) for own in tensors if own.is_floating_point() and own.dtype != torch.float32})
    if not formats:
        return ""
    network.float()
    others = " and ".join(formats)
    with torch.no_grad():
        try:
            copy.deepcopy(network).eval()(torch.zeros(1, *input_shape))
        except Exception as error:  # of the user's forward
            if not any(word in str(error) for word in MISMATCH):
                return ""  # told by tracing, with the line of the user's code
            why = str(error).splitlines()[0]
            raise UserError(
                f"the ancestor {ancestor} has weights in {others}, is trained and exported in float32, and does not "
                f"run so ({why}); build it in float32 and let forward cast nothing (--autocast bf16 trains in bfloat16)"
            ) from error
    return f"{ancestor} has weights in {others}: they are made float32, in which it is trained and exported"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
