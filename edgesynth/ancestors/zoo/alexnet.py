"""AlexNet for small images (Krizhevsky et al., NIPS 2012; widths of arXiv 1404.5997), as on CIFAR-10 and STL-10.

Of the papers' own form no more is known than its name. This one keeps what makes an AlexNet (five convolutions, three
overlapping poolings, three fully connected layers with dropout, no normalization) and gives up what only photographs of
224 pixels allow, the stride of the first layer:

    64 of 5x5, pool, 192 of 5x5, pool, 384 of 3x3, 256 of 3x3, 256 of 3x3, pool, 4x4 places, 1024, 1024, classes

Each pooling is of 3x3 at every other place, padded, so that it halves: 32 pixels end in 4x4 places. Larger images,
STL-10's 96 among them, are brought to 4x4 by the mean.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

PLACES = 4


class AlexNet(nn.Module):
    """7,706,442 parameters and 225.7 M MACs at 32x32 and 10 classes.

    Args:
        classes: width of the output.
    """

    # Halved three times, and only of multiples of 4 do 4x4 means of one size remain.
    size_multiple = 32

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 5, padding=2)
        self.conv2 = nn.Conv2d(64, 192, 5, padding=2)
        self.conv3 = nn.Conv2d(192, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 256, 3, padding=1)
        self.conv5 = nn.Conv2d(256, 256, 3, padding=1)
        self.fc1 = nn.Linear(256 * PLACES**2, 1024)
        self.fc2 = nn.Linear(1024, 1024)
        self.fc3 = nn.Linear(1024, classes)
        self.dropout = nn.Dropout()

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 3, H, W); H and W are multiples of 32."""
        features = _halved(F.relu(self.conv1(images)))
        features = _halved(F.relu(self.conv2(features)))
        features = F.relu(self.conv4(F.relu(self.conv3(features))))
        features = _halved(F.relu(self.conv5(features)))
        if features.shape[2:] != (PLACES, PLACES):
            features = F.adaptive_avg_pool2d(features, PLACES)
        hidden = F.relu(self.fc1(self.dropout(features.flatten(1))))
        return self.fc3(F.relu(self.fc2(self.dropout(hidden))))


def _halved(features: Tensor) -> Tensor:
    return F.max_pool2d(features, 3, 2, padding=1)


def alexnet_cifar(num_classes: int = 10) -> nn.Module:
    """AlexNet for (3, 32, 32) images and multiples of them."""
    return AlexNet(num_classes)
