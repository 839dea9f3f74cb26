"""LeNet-5 in its Caffe form, the network that the papers and the pruning literature evolve on MNIST."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class LeNet5(nn.Module):
    """Two convolutions of 5x5, two fully connected layers: 20-50-500-10.

    430,500 synapses and 2.293 M MACs on 28x28 (Caffe's `lenet.prototxt`; not the network of 1998).

    Args:
        classes: width of the output.
        rectified: whether a ReLU follows each convolution, as where the literature on sparsity rebuilt the network
            (Sparse VD, Bayesian Compression). In Caffe max pooling is their only nonlinearity.
    """

    def __init__(self, classes: int = 10, rectified: bool = False) -> None:
        super().__init__()
        self.rectified = rectified
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.fc1 = nn.Linear(50 * 4 * 4, 500)
        self.fc2 = nn.Linear(500, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 1, 28, 28)."""
        features = self._pooled(self.conv1(images))
        features = self._pooled(self.conv2(features))
        return self.fc2(F.relu(self.fc1(features.flatten(1))))

    def _pooled(self, features: Tensor) -> Tensor:
        return F.max_pool2d(F.relu(features) if self.rectified else features, 2)


def lenet5(num_classes: int = 10) -> nn.Module:
    """LeNet-5 for (1, 28, 28) images, as in Caffe."""
    return LeNet5(num_classes)


def lenet5_relu(num_classes: int = 10) -> nn.Module:
    """LeNet-5 for (1, 28, 28) images with a ReLU after each convolution."""
    return LeNet5(num_classes, rectified=True)
