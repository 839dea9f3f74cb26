"""Pixels of image files: upright, opaque, 8 bits a channel, whatever the file has."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from edgesynth.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image


# What is done to a file before it is scaled, for deployment to repeat; `preprocessing_code` does it in Pillow.
DECODING = {
    "orientation": "as EXIF says",
    "depth": "of 16 bits, 65535 becomes 255; of floating point, the lowest of 1, 255 and 65535 that no level is above",
    "transparency": "over white",
    "channels": "RGB; gray is repeated",
}
WHITES = (1, 255, 65535)  # levels that stand for white where a file does not say how deep it is
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations by which width and height change places
ORIENTATION = 0x0112


class UnreadableError(UserError):
    """A file that cannot be read as an image; whoever has many of them may leave it out."""


def open_image(file: str | Path) -> Image:
    """A decoded image, turned as its EXIF orientation says.

    Raises:
        UnreadableError: the file is no image, damaged, or cut short.
    """
    from PIL import ImageOps

    with _opened(file) as image:
        image.load()
        return ImageOps.exif_transpose(image)


def size_of(file: str | Path) -> tuple[int, int]:
    """(width, height) that the head of an image file promises, once it is turned upright.

    Raises:
        UnreadableError: the file is no image.
    """
    with _opened(file) as image:
        width, height = image.size
        return (height, width) if image.getexif().get(ORIENTATION) in SIDEWAYS else (width, height)


def rgb(file: str | Path) -> Image:
    """An image in 8-bit RGB: gray, palette, CMYK and deeper files are converted, transparency is laid over white.

    White is what Pillow's mode says, so that images of one depth stay comparable:

    - `I;16` (PNG, TIFF) and `I` (16-bit PGM; TIFF that is signed or of 32 bits): 65535, or the file's highest level if
      that is above.
    - `F` (TIFF, PFM): the lowest of 1, 255 and 65535 that no level is above, or the highest level.
    - all others: 255.

    Raises:
        UnreadableError: see `open_image`.
    """
    from PIL import Image

    image = open_image(file)
    if _is_deep(image):  # Pillow's own conversion would clip it at 255
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


@contextmanager
def _opened(file: str | Path) -> Iterator[Image]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            yield image
    except UnidentifiedImageError:
        raise UnreadableError(f"{file} is no image that can be read") from None
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        raise UnreadableError(f"{file} cannot be read as an image ({error})") from error


def color(file: str, size: int) -> Tensor:
    """(3, size, size) uint8 of an image file, stretched to a square; see `rgb`.

    Raises:
        UnreadableError: see `open_image`.
    """
    return _tensor(rgb(file), size).permute(2, 0, 1).contiguous()


def centered(file: str, size: int) -> Tensor:
    """(3, size, size) uint8 of an image file, its shorter side scaled to `size`, cut to its center; see `rgb`.

    The center alone is scaled, which is the same within one level: a sliver scaled as a whole may fit into no memory.

    Raises:
        UnreadableError: see `open_image`.
    """
    from PIL import Image

    image = rgb(file)
    scale = size / min(image.size)
    (left, right), (top, bottom) = (_span(side, max(size, round(scale * side)), size) for side in image.size)
    part = image.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, right, bottom))
    return torch.from_numpy(np.array(part)).permute(2, 0, 1).contiguous()


def _span(side: int, scaled: int, size: int) -> tuple[float, float]:
    """Where, within a side, the `size` pixels in the middle begin and end when the side is scaled to `scaled`."""
    first = (scaled - size) // 2
    return first * side / scaled, (first + size) * side / scaled


def binary(file: str, size: int) -> Tensor:
    """(1, size, size) uint8, 0 or 1, of a mask's file: 1 above half of white.

    White is the lowest of 1, 255 and 65535 that no level is above, whatever the depth: a mask has two levels, and files
    of 16 bits that use 8 are common.

    Raises:
        UnreadableError: see `open_image`.
    """
    from PIL import Image

    image = open_image(file)
    levels = np.asarray(image if _is_deep(image) else image.convert("L"))
    salient = levels > _white(levels, WHITES) / 2
    scaled = _tensor(Image.fromarray(np.where(salient, 255, 0).astype(np.uint8)), size)
    return (scaled > 127).to(torch.uint8)[None]


def _is_deep(image: Image) -> bool:
    """Whether it has 16 or 32 bits a channel."""
    return image.mode.startswith(("I", "F"))


def _eight_bits(image: Image) -> Image:
    from PIL import Image

    levels = np.asarray(image, np.float64).clip(0)
    white = _white(levels, WHITES if image.mode == "F" else WHITES[-1:])
    return Image.fromarray(np.rint(255 * levels / white).astype(np.uint8))


def _white(levels: NDArray[Any], whites: Sequence[int]) -> float:
    highest = float(levels.max())
    return next((white for white in whites if highest <= white), highest)


def _tensor(image: Image, size: int) -> Tensor:
    from PIL import Image

    return torch.from_numpy(np.array(image.resize((size, size), Image.Resampling.BILINEAR)))
