"""LeNet-5's layers with a seventieth of its synapses, for tests that breed runs of several layers that can be cut."""

from torch import nn

from edgesynth.ancestors.lenet5 import LeNet5

NAME = "tests.small_lenet:build"


def build():
    network = LeNet5()
    network.conv1, network.conv2 = nn.Conv2d(1, 8, 5, stride=2), nn.Conv2d(8, 16, 3)
    network.fc1, network.fc2 = nn.Linear(16 * 2 * 2, 64), nn.Linear(64, 10)
    return network
