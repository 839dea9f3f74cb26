"""Pixels of image files: 8 bits a channel, whatever the file has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from edgesynth.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image


class UnreadableError(UserError):
    """A file that cannot be read as an image; whoever has many of them may leave it out."""


def open_image(file: str | Path) -> Image:
    """A decoded image.

    Raises:
        UnreadableError: the file is no image, damaged, or cut short.
    """
    with _opened(file) as image:
        image.load()
        return image.copy()


def size_of(file: str | Path) -> tuple[int, int]:
    """(width, height) that the head of an image file promises.

    Raises:
        UnreadableError: the file is no image.
    """
    with _opened(file) as image:
        return image.size


@contextmanager
def _opened(file: str | Path) -> Iterator[Image]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            yield image
    except UnidentifiedImageError:
        raise UnreadableError(f"{file} is no image that can be read") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnreadableError(f"{file} cannot be read as an image ({error})") from error


def colour(file: str, size: int) -> Tensor:
    """(3, size, size) uint8 of an image file, stretched to a square; grey, CMYK and 16-bit files are converted.

    Raises:
        UnreadableError: see `open_image`.
    """
    return _tensor(rgb(file), size).permute(2, 0, 1).contiguous()


def rgb(file: str) -> Image:
    """An image file as RGB of its own size; grey, CMYK and 16-bit files are converted.

    Raises:
        UnreadableError: see `open_image`.
    """
    image = open_image(file)
    if image.mode.startswith(("I", "F")):  # 16 or 32 bits: Pillow's own conversion would clip them at 255
        image = _eight_bits(image)
    return image.convert("RGB")


def binary(file: str, size: int) -> Tensor:
    """(1, size, size) uint8, 0 or 1, of a mask's file: 1 above half of white, or above 0 in a file of 0 and 1.

    Raises:
        UnreadableError: see `open_image`.
    """
    from PIL import Image

    image = open_image(file)
    levels = np.asarray(_eight_bits(image) if image.mode.startswith(("I", "F")) else image.convert("L"))
    salient = levels > (127 if levels.max() > 1 else 0)
    scaled = _tensor(Image.fromarray(np.where(salient, 255, 0).astype(np.uint8)), size)
    return (scaled > 127).to(torch.uint8)[None]


def _eight_bits(image: Image) -> Image:
    from PIL import Image

    values = np.asarray(image, np.float64)
    most = 255.0 if values.max() <= 255 else 65535.0 if values.max() <= 65535 else float(values.max())
    return Image.fromarray(np.rint(255 * values.clip(0) / most).astype(np.uint8))


def _tensor(image: Image, size: int) -> Tensor:
    from PIL import Image

    return torch.from_numpy(np.array(image.resize((size, size), Image.Resampling.BILINEAR)))
