"""DetectNet: GoogLeNet, fully convolutional, that tells for each cell whether an object covers it, and its box.

As NVIDIA DIGITS' DetectNet: GoogLeNet (Szegedy et al., arXiv 1409.4842, table 1) without its last pooling, so that the
stride is 16, and without its classifiers. Batch normalization stands in for its local response normalization, which
training from scratch needs. The output is (N, classes + 4, H / 16, W / 16): coverage, then the box.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# Filters: 1x1; 3x3 after its 1x1; 5x5 after its 1x1; 1x1 after pooling.
INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
DROPOUT = 0.4


def _layer(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class Inception(nn.Module):
    """Four branches beside each other, joined."""

    def __init__(self, inputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        width_1, narrowed_3, width_3, narrowed_5, width_5, width_pooled = widths
        self.one = _layer(inputs, width_1, 1)
        self.three = nn.Sequential(_layer(inputs, narrowed_3, 1), _layer(narrowed_3, width_3, 3))
        self.five = nn.Sequential(_layer(inputs, narrowed_5, 1), _layer(narrowed_5, width_5, 5))
        self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1), _layer(inputs, width_pooled, 1))
        self.outputs = width_1 + width_3 + width_5 + width_pooled

    def forward(self, features: Tensor) -> Tensor:
        """(N, outputs, H, W) of (N, inputs, H, W)."""
        branches = (self.one, self.three, self.five, self.pooled)
        return torch.cat([branch(features) for branch in branches], dim=1)


class DetectNet(nn.Module):
    """GoogLeNet's stem and inceptions, and the two heads.

    Args:
        names: the inceptions of it, in order.
        share: all filters are divided by it.
        classes: how many there are.
    """

    size_multiple = 16

    def __init__(self, names: Sequence[str], share: int = 1, classes: int = 1) -> None:
        super().__init__()
        stem, width = 64 // share, 192 // share
        pool = nn.MaxPool2d(3, 2, 1)
        layers: list[nn.Module] = [_layer(3, stem, 7, 2), pool, _layer(stem, stem, 1), _layer(stem, width, 3), pool]
        for place, name in enumerate(names):
            if name[0] == "4" and names[place - 1][0] == "3":
                layers.append(pool)
            inception = Inception(width, [filters // share for filters in INCEPTIONS[name]])
            layers.append(inception)
            width = inception.outputs
        self.features = nn.Sequential(*layers, nn.Dropout(DROPOUT))
        self.coverage = nn.Conv2d(width, classes, 1)
        self.boxes = nn.Conv2d(width, 4, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(N, classes + 4, H / 16, W / 16) of images (N, 3, H, W); H and W are multiples of 16."""
        features = self.features(images)
        return torch.cat([self.coverage(features), self.boxes(features)], dim=1)


def detectnet(num_classes: int = 1) -> nn.Module:
    """All nine inceptions."""
    return DetectNet(tuple(INCEPTIONS), 1, num_classes)


def detectnet_small(num_classes: int = 1) -> nn.Module:
    """Four of them with a quarter of the filters: for a CPU."""
    return DetectNet(("3a", "3b", "4a", "5b"), 4, num_classes)
