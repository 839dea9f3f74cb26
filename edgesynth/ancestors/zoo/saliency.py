"""Saliency networks of the form that paper 1 evolves (Deep Learning with Darwin, arXiv 1606.04393).

A VGG-16 without its fully connected layers, and side branches at three scales: what the stacks c3, c4 and c5 see goes
through stacks of their own (c6, c7, c8), the coarser two are brought to the size of the finest, and c9 joins them; c10
and c11 judge the coarsest scale alone; both verdicts are added. How many filters the side stacks of the paper have is
not known: here all have as many as `side` says. Batch normalization is added, which training from scratch needs, and
upsampling is bilinear; one map of log-odds stands for the paper's softmax over two.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SaliencyNet(nn.Module):
    """Five stacks of 3x3 convolutions with pooling between them, and the side branches.

    Args:
        widths: filters of each stack.
        depths: convolutions of each stack.
        side: filters of each side stack.
        maps: what is said of each pixel.
    """

    # Pooled four times, and brought up again: only of such sizes do both halves fit each other.
    size_multiple = 16

    def __init__(self, widths: Sequence[int], depths: Sequence[int], side: int, maps: int = 1) -> None:
        super().__init__()
        before = (3, *widths)
        self.c1, self.c2, self.c3, self.c4, self.c5 = (
            _stack(inputs, outputs, depth) for inputs, outputs, depth in zip(before, widths, depths, strict=False)
        )
        self.c6, self.c7, self.c8 = (_stack(width, side, 1) for width in widths[2:])
        self.c9 = nn.Sequential(_stack(3 * side, side, 1), nn.Conv2d(side, maps, 1))
        self.c10 = _stack(widths[4], side, 1)
        self.c11 = nn.Conv2d(side, maps, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Log-odds (N, maps, H, W) of images (N, 3, H, W); H and W are multiples of 16."""
        fine = self.c3(F.max_pool2d(self.c2(F.max_pool2d(self.c1(images), 2)), 2))
        middle = self.c4(F.max_pool2d(fine, 2))
        coarse = self.c5(F.max_pool2d(middle, 2))
        scales = [self.c6(fine), _larger(self.c7(middle), 2), _larger(self.c8(coarse), 4)]
        verdict = self.c9(torch.cat(scales, dim=1)) + _larger(self.c11(self.c10(coarse)), 4)
        return _larger(verdict, 4)


def _stack(inputs: int, outputs: int, depth: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (inputs, *[outputs] * (depth - 1)):
        layers += [nn.Conv2d(width, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers)


def _larger(maps: Tensor, times: int) -> Tensor:
    return F.interpolate(maps, scale_factor=float(times), mode="bilinear", align_corners=False)


def saliency_vgg16(num_classes: int = 1) -> nn.Module:
    """VGG-16's stacks, side stacks of 128: for a GPU."""
    return SaliencyNet((64, 128, 256, 512, 512), (2, 2, 3, 3, 3), 128, num_classes)


def saliency_small(num_classes: int = 1) -> nn.Module:
    """The same form with a quarter of the filters or fewer and one or two convolutions a stack: for a CPU."""
    return SaliencyNet((16, 32, 48, 64, 64), (1, 1, 2, 2, 2), 32, num_classes)


def saliency_medium(num_classes: int = 1) -> nn.Module:
    """Twice the filters of the small one, as many layers: for a CPU with patience, or small images."""
    return SaliencyNet((32, 64, 96, 128, 128), (1, 1, 2, 2, 2), 48, num_classes)
