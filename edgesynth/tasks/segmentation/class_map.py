"""Masks with the number of each pixel's class; void pixels belong to none and count in neither loss nor metric."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from edgesynth.tasks.images.pixels import UnreadableError, open_image

VOID = 255  # in every mask in memory, and in the files of VOC


def class_map(file: str, size: int, classes: int, void: int = VOID) -> Tensor:
    """(size, size) uint8 of a mask's file, stretched to a square: a class's number for each pixel, or `VOID`.

    Args:
        file: gray or with a palette, whose numbers count and not its colors.
        size: side, pixels.
        classes: how many there are; they are numbered from 0.
        void: the number of what belongs to no class, besides 255.

    Raises:
        UnreadableError: the file is no image, has colors, or holds another number.
    """
    from PIL import Image

    image = open_image(file)
    numbers = np.asarray(image)
    if numbers.ndim != 2 or numbers.dtype.kind not in "uib":
        raise UnreadableError(
            f"{file} holds colors or fractions ({image.mode}); a mask holds the number of a class for each pixel, "
            "in gray or with a palette"
        )
    numbers = np.where((numbers == void) | (numbers == VOID), VOID, numbers)
    odd = numbers[(numbers != VOID) & ((numbers < 0) | (numbers >= classes))]
    if odd.size:
        raise UnreadableError(
            f"{file} holds the number {odd.flat[0]}; the {classes} classes have 0 to {classes - 1}, and what belongs "
            f"to none {' or '.join(map(str, sorted({void, VOID})))}"
        )
    small = Image.fromarray(numbers.astype(np.uint8)).resize((size, size), Image.Resampling.NEAREST)
    return torch.from_numpy(np.array(small))
