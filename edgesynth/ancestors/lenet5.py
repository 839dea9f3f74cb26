"""LeNet-5 in its Caffe form, the network that the papers and the pruning literature evolve on MNIST."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class LeNet5(nn.Module):
    """Two convolutions of 5x5, two fully connected layers: 20-50-500-10.

    430,500 synapses and 2.293 M MACs on 28x28 (Caffe's `lenet.prototxt`; not the network of 1998). As there, the
    convolutions have no activation of their own: max pooling is their only nonlinearity.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.fc1 = nn.Linear(50 * 4 * 4, 500)
        self.fc2 = nn.Linear(500, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 1, 28, 28)."""
        features = F.max_pool2d(self.conv1(images), 2)
        features = F.max_pool2d(self.conv2(features), 2)
        return self.fc2(F.relu(self.fc1(features.flatten(1))))


def lenet5(num_classes: int = 10) -> nn.Module:
    """LeNet-5 for (1, 28, 28) images."""
    return LeNet5(num_classes)
