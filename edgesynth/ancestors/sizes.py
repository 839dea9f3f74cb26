"""Sizes of images that a network can take."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from edgesynth.errors import UserError


def check_size(ancestor: str, network: nn.Module, input_shape: Sequence[int]) -> None:
    """Refuse images that a network cannot take, where it says so by an attribute `size_multiple`.

    Args:
        ancestor: its name.
        network: the network.
        input_shape: (C, H, W).

    Raises:
        UserError: height or width is no multiple of what it asks for.
    """
    multiple = getattr(network, "size_multiple", 1)
    if any(size % multiple for size in input_shape[1:]):
        height, width = input_shape[1:]
        raise UserError(
            f"the ancestor {ancestor} takes images whose sides are multiples of {multiple} and those of the task are "
            f"{width}x{height}; give --image-size {max(multiple, round(width / multiple) * multiple)}"
        )
