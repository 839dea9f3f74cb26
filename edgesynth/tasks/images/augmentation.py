"""Augmentation of batches that already lie in memory as tensors.

Shifts and scales are drawn as numbers out of a small range. Outputs for an augmented image can so be kept by that
number, such as those of a teacher.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_ZOOM = 1.25  # of tasks whose targets are places: an object may be nearer or farther
ZOOMS = 5  # scales from the smallest to the largest, by equal factors


def shifts(max_shift: int) -> int:
    """Number of shifts by up to so many pixels either way, including none."""
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
    count, channels, height, width = images.shape
    padded = F.pad(images, (max_shift,) * 4, mode="replicate")
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # (N, C, rows, columns, H, W), of which nothing is copied
    side, numbers = 2 * max_shift + 1, numbers.to(images.device)
    chosen = windows[torch.arange(count, device=images.device), :, numbers // side, numbers % side]
    # Channels last, for which convolutions choose other sums: their bits are those of every lineage.
    return images.new_empty((count, height, width, channels)).permute(0, 3, 1, 2).copy_(chosen)


def draw_flips(count: int, generator: torch.Generator) -> Tensor:
    """(count,) 1 for images to be mirrored, else 0, equally likely."""
    return torch.randint(0, 2, (count,), generator=generator)


def flipped(images: Tensor, chosen: Tensor) -> Tensor:
    """Mirror the chosen images left to right: (N, C, H, W) in and out, chosen (N,) bool."""
    chosen = chosen.to(images.device)[:, None, None, None]
    return torch.where(chosen, images.flip(3), images)


def zooms(max_zoom: float) -> tuple[float, ...]:
    """The factors by which an image can be scaled: from 1 / max_zoom to max_zoom; 1 alone where that is 1."""
    if max_zoom == 1:
        return (1.0,)
    return tuple(max_zoom ** (2 * step / (ZOOMS - 1) - 1) for step in range(ZOOMS))


def draw_zooms(count: int, max_zoom: float, generator: torch.Generator) -> Tensor:
    """(count,) indices into `zooms`, equally likely."""
    return torch.randint(0, len(zooms(max_zoom)), (count,), generator=generator)


def windows(numbers: Tensor, factors: Tensor, max_shift: int, height: int, width: int) -> Tensor:
    """The window of each image that is shown: (N, 4) float64 left, top, width, height, in shares of the image.

    A number from `draw_shifts` gives the place of the window. At the outermost places the smaller of window and image
    lies at the edge of the larger one, moved on by `max_shift` pixels.

    Args:
        numbers: (N,), each below `shifts(max_shift)`.
        factors: (N,), of `zooms`: a window of 1 / factor of the image's sides.
        max_shift: pixels.
        height: of the images, pixels.
        width: likewise.
    """
    side = 2 * max_shift + 1
    sizes = 1 / factors.double()
    freedom = (1 - sizes).abs() / 2
    corner = []
    for steps, pixels in ((numbers % side, width), (numbers // side, height)):
        place = (steps.double() - max_shift) / max(max_shift, 1)
        corner.append((1 - sizes) / 2 + place * (freedom + max_shift / pixels))
    return torch.stack([*corner, sizes, sizes], dim=1)


def shown(images: Tensor, chosen: Tensor, mirrored: Tensor, mode: str) -> Tensor:
    """The windows of images, scaled to the images' own size; beyond the edge its pixels are repeated.

    Args:
        images: (N, C, H, W), float.
        chosen: (N, 4) from `windows`.
        mirrored: (N,) bool: those that are mirrored left to right.
        mode: `bilinear`, or `nearest` for masks.

    Returns:
        (N, C, H, W), a new tensor.
    """
    left, top, width, height = chosen.unbind(1)
    nothing, turned = torch.zeros_like(left), torch.where(mirrored, -1.0, 1.0)
    rows = [turned * width, nothing, 2 * left + width - 1, nothing, height, 2 * top + height - 1]
    maps = torch.stack(rows, dim=1).reshape(-1, 2, 3).to(images)
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode, padding_mode="border", align_corners=False)
