"""Residual networks for 32x32 images (He et al., arXiv 1512.03385, section 4.2)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (16, 32, 64)


class Block(nn.Module):
    """Two 3x3 convolutions around which the input goes unchanged (option A).

    Where the block has more channels than its input, the input is taken at every other place and padded with channels
    of zeros, half in front and half behind.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride = stride
        self.padding = (outputs - inputs) // 2

    def forward(self, features: Tensor) -> Tensor:
        """(N, outputs, H / stride, W / stride) of (N, inputs, H, W)."""
        inner = F.relu(self.bn1(self.conv1(features)))
        if self.padding:
            shortcut = features[:, :, :: self.stride, :: self.stride]
            features = F.pad(shortcut, (0, 0, 0, 0, self.padding, self.padding))
        return F.relu(self.bn2(self.conv2(inner)) + features)


class ResNet(nn.Module):
    """Three stages of `blocks` blocks with 16, 32 and 64 channels: 6 `blocks` + 2 layers.

    Its names are those of the weights that are handed around for it (`layer1.0.conv1`, `linear`).
    """

    def __init__(self, blocks: int, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        stages = []
        for inputs, outputs in zip((WIDTHS[0], *WIDTHS), WIDTHS, strict=False):
            first = Block(inputs, outputs, stride=outputs // inputs)
            stages.append(nn.Sequential(first, *(Block(outputs, outputs, 1) for _ in range(blocks - 1))))
        self.layer1, self.layer2, self.layer3 = stages
        self.linear = nn.Linear(WIDTHS[2], classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 3, 32, 32)."""
        features = F.relu(self.bn1(self.conv1(images)))
        features = self.layer3(self.layer2(self.layer1(features)))
        return self.linear(features.mean((2, 3)))


def resnet20(num_classes: int = 10) -> nn.Module:
    """0.27 M parameters, 40.6 M MACs."""
    return ResNet(3, num_classes)


def resnet32(num_classes: int = 10) -> nn.Module:
    """0.46 M parameters, 68.9 M MACs."""
    return ResNet(5, num_classes)


def resnet44(num_classes: int = 10) -> nn.Module:
    """0.66 M parameters, 97.2 M MACs."""
    return ResNet(7, num_classes)


def resnet56(num_classes: int = 10) -> nn.Module:
    """0.85 M parameters, 125.5 M MACs."""
    return ResNet(9, num_classes)
