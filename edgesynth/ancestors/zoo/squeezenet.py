"""SqueezeNet 1.1 for small images (Iandola et al., arXiv 1602.07360; version 1.1 of its authors' repository).

torchvision's `squeezenet1_1` with its first convolution at every place and without its first pooling: of 32 pixels 8x8
places are left for the classifier, where the form for photographs leaves a single one. The names of the weights are
torchvision's, so that its trained weights fit.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# (squeezed, expanded by 1x1 and as many by 3x3); a pooling stands where there is None
FIRES = ((16, 64), (16, 64), None, (32, 128), (32, 128), None, (48, 192), (48, 192), (64, 256), (64, 256))


class Fire(nn.Module):
    """A 1x1 convolution that narrows, then one of 1x1 and one of 3x3 beside each other."""

    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(N, 2 expanded, H, W) of (N, inputs, H, W)."""
        narrow = F.relu(self.squeeze(features))
        return F.relu(torch.cat([self.expand1x1(narrow), self.expand3x3(narrow)], dim=1))


class SqueezeNet(nn.Module):
    """A convolution, eight fire modules with two poolings between them, a 1x1 convolution as classifier.

    Args:
        classes: width of the output.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        # The place of the pooling that is left out is kept, for torchvision's names.
        layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Identity()]
        inputs = 64
        for fire in FIRES:
            if fire is None:
                layers.append(nn.MaxPool2d(3, 2, padding=1))
            else:
                layers.append(Fire(inputs, *fire))
                inputs = 2 * fire[1]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(inputs, classes, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 3, H, W)."""
        return F.relu(self.classifier(self.features(images))).mean((2, 3))


def squeezenet_cifar(num_classes: int = 10) -> nn.Module:
    """SqueezeNet 1.1 for (3, 32, 32) images."""
    return SqueezeNet(num_classes)
