"""A network that learns digits in a fraction of a second an epoch, for tests that breed whole runs."""

from torch import nn

NAME = "tests.tiny_ancestor:build"


def build():
    return nn.Sequential(
        nn.Conv2d(1, 6, 7, stride=5),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(150, 20),
        nn.ReLU(),
        nn.Linear(20, 10),
    )
