"""Sizes and channels of images that a network can take."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence

import torch
from torch import nn

from edgesynth.errors import UserError

CHANNELS = re.compile(r"to have (\d+) channels?, but got (\d+) channels?")
TOO_SMALL = ("Output size is too small", "Kernel size can't be greater than actual input size")


def check_size(ancestor: str, network: nn.Module, input_shape: Sequence[int]) -> None:
    """Refuse images that a network cannot take: by its attribute `size_multiple`, or by what one image of zeros does.

    Whatever else goes wrong with that image is left for tracing to tell.

    Args:
        ancestor: its name.
        network: the network.
        input_shape: (C, H, W).

    Raises:
        UserError: height or width is no multiple of what it asks for, or too small, or the channels are of another
            number.
    """
    multiple = getattr(network, "size_multiple", 1)
    if any(size % multiple for size in input_shape[1:]):
        height, width = input_shape[1:]
        raise UserError(
            f"the ancestor {ancestor} takes images whose sides are multiples of {multiple} and those of the task are "
            f"{width}x{height}; give --image-size {max(multiple, round(width / multiple) * multiple)}, or another "
            "ancestor where the task has images of one size"
        )
    try:
        with torch.no_grad():
            copy.deepcopy(network).eval()(torch.zeros(1, *input_shape))
    except RuntimeError as error:
        _explain(ancestor, input_shape, str(error))
    except Exception:
        return  # told by tracing, with the line of the user's code


def _explain(ancestor: str, input_shape: Sequence[int], message: str) -> None:
    channels = CHANNELS.search(message)
    if channels and channels[2] == str(input_shape[0]):
        wanted = f"{channels[1]} channel{'' if channels[1] == '1' else 's'}"
        raise UserError(
            f"the ancestor {ancestor} takes images of {wanted} and those of the task have {input_shape[0]}; name an "
            "--ancestor for such images: lenet5 takes 1 channel, resnet20 and torchvision's networks take 3"
        )
    if any(words in message for words in TOO_SMALL):
        raise UserError(
            f"images of {input_shape[2]}x{input_shape[1]} are too small for the ancestor {ancestor}, which halves them "
            "until nothing is left; give a larger --image-size (224 is what most networks for photographs are made "
            "for), or an ancestor for small images, such as resnet20"
        )
