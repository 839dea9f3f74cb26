"""Letterbox: an image scaled into a square with its proportions kept; the rest of the square is gray.

Darknet does so, and boxes keep their shape, which anchors stand for; a frame of KITTI's (1242x375) would be squeezed to
a third of its width otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from edgesynth.tasks.images.pixels import rgb

GRAY = 128


class Fit(NamedTuple):
    """Where an image lies in its square, in shares of the square's side: x' = left + x * width."""

    left: float
    top: float
    width: float
    height: float


def fitted_size(width: int, height: int, size: int) -> tuple[int, int, int, int]:
    """(width, height, left, top) in whole pixels of an image that is fitted to the middle of a square."""
    scale = size / max(width, height)
    inner_width, inner_height = max(1, round(scale * width)), max(1, round(scale * height))
    return inner_width, inner_height, (size - inner_width) // 2, (size - inner_height) // 2


def fit_of(width: int, height: int, size: int) -> Fit:
    """Where an image of that size lies in a square of so many pixels."""
    inner_width, inner_height, left, top = fitted_size(width, height, size)
    return Fit(left / size, top / size, inner_width / size, inner_height / size)


def letterboxed(file: str, size: int) -> Tensor:
    """(3, size, size) uint8 of an image file.

    Raises:
        UnreadableError: it cannot be read.
    """
    from PIL import Image

    image = rgb(file)
    width, height, left, top = fitted_size(*image.size, size)
    square = Image.new("RGB", (size, size), (GRAY, GRAY, GRAY))
    square.paste(image.resize((width, height), Image.Resampling.BILINEAR), (left, top))
    return torch.from_numpy(np.array(square)).permute(2, 0, 1).contiguous()
