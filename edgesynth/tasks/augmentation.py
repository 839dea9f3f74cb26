"""Augmentation of batches that already lie in memory as tensors.

A random shift is one of few: its number is drawn first, so that whoever knows the number (a teacher that has answered
before) need not see the image.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def shifts(max_shift: int) -> int:
    """In how many ways an image can be shifted by up to so many pixels either way, not at all included."""
    return (2 * max_shift + 1) ** 2


def draw_shifts(count: int, max_shift: int, generator: torch.Generator) -> Tensor:
    """(count,) numbers of shifts, each below `shifts(max_shift)`."""
    side = 2 * max_shift + 1
    rows, columns = torch.randint(0, side, (2, count), generator=generator)
    return rows * side + columns


def shifted(images: Tensor, max_shift: int, numbers: Tensor) -> Tensor:
    """Shift every image by its own number of pixels, repeating the pixels of the edge.

    Args:
        images: (N, C, H, W).
        max_shift: largest shift in pixels, either way; 0 returns the images as they are.
        numbers: (N,) from `draw_shifts`.

    Returns:
        (N, C, H, W), a new tensor.
    """
    if max_shift == 0:
        return images
    count, _, height, width = images.shape
    padded = F.pad(images, (max_shift,) * 4, mode="replicate")
    side = 2 * max_shift + 1
    rows = (torch.arange(height) + (numbers // side)[:, None]).to(images.device)
    columns = (torch.arange(width) + (numbers % side)[:, None]).to(images.device)
    image = torch.arange(count, device=images.device)[:, None, None]
    # One gather for the whole batch: (N, H, W, C), because the channel axis stands between advanced indices.
    return padded[image, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def draw_flips(count: int, generator: torch.Generator) -> Tensor:
    """(count,) 1 for the images to be mirrored, else 0; each is as likely."""
    return torch.randint(0, 2, (count,), generator=generator)


def flipped(images: Tensor, chosen: Tensor) -> Tensor:
    """Mirror the chosen images left to right: (N, C, H, W) in and out, chosen (N,) bool."""
    chosen = chosen.to(images.device)[:, None, None, None]
    return torch.where(chosen, images.flip(3), images)
