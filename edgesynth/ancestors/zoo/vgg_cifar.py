"""VGG-16 with batch normalization for 32x32 images, the form of the pruning literature (Li et al., arXiv 1608.08710).

The 13 convolutions of Simonyan and Zisserman's configuration D, then 512-512-classes instead of 4096-4096-1000.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

STACKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # filters, convolutions; pooled after each


class Vgg16(nn.Module):
    """14,991,946 parameters and 313.5 M MACs at 32x32 and 10 classes.

    Args:
        classes: width of the output.
    """

    # Halved five times; what is left of larger images is averaged.
    size_multiple = 32

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for width, depth in STACKS:
            for _ in range(depth):
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
                inputs = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.fc1 = nn.Linear(inputs, 512)
        self.bn1 = nn.BatchNorm1d(512)
        self.fc2 = nn.Linear(512, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 3, H, W); H and W are multiples of 32."""
        features = self.features(images).mean((2, 3))
        return self.fc2(F.relu(self.bn1(self.fc1(features))))


def vgg16_bn_cifar(num_classes: int = 10) -> nn.Module:
    """VGG-16 with batch normalization for (3, 32, 32) images."""
    return Vgg16(num_classes)
