"""Augmentation of batches that already lie in memory as tensors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def shifted(images: Tensor, max_shift: int, generator: torch.Generator) -> Tensor:
    """Shift every image by its own random number of pixels, repeating the pixels of the edge.

    Args:
        images: (N, C, H, W).
        max_shift: largest shift in pixels, either way; 0 returns the images as they are.
        generator: source of the shifts, on the CPU.

    Returns:
        (N, C, H, W), a new tensor.
    """
    if max_shift == 0:
        return images
    count, _, height, width = images.shape
    padded = F.pad(images, (max_shift,) * 4, mode="replicate")
    offsets = torch.randint(0, 2 * max_shift + 1, (2, count, 1), generator=generator)
    rows = (torch.arange(height) + offsets[0]).to(images.device)
    columns = (torch.arange(width) + offsets[1]).to(images.device)
    image = torch.arange(count, device=images.device)[:, None, None]
    # One gather for the whole batch: (N, H, W, C), because the channel axis stands between advanced indices.
    return padded[image, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
