"""LeNet-5's layers with a twentieth of its synapses, for tests that breed runs of several layers that can be cut."""

from torch import nn

from edgesynth.ancestors.zoo.lenet5 import LeNet5

NAME = "tests.small_lenet:build"


def build():
    network = LeNet5()
    network.conv1, network.conv2 = nn.Conv2d(1, 16, 5, stride=2), nn.Conv2d(16, 32, 3)
    network.fc1, network.fc2 = nn.Linear(32 * 2 * 2, 128), nn.Linear(128, 10)
    return network
