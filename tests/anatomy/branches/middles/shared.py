"""Networks in which a block, a layer or a parameter is used more than once."""

import torch.nn.functional as F
from torch import nn

from tests.anatomy.branches.middles.parts import WIDTH, conv
from tests.anatomy.branches.middles.residual import PreActivation


class Shared(nn.Module):
    """One block, called twice."""

    def __init__(self):
        super().__init__()
        self.block = PreActivation()

    def forward(self, x):
        return self.block(self.block(x))


class SharedLayer(nn.Module):
    """Two branches share a layer."""

    def __init__(self):
        super().__init__()
        self.shared, self.f, self.g = conv(), conv(), conv()

    def forward(self, x):
        x = x + self.f(F.relu(self.shared(x)))
        return x + self.g(F.relu(self.shared(x)))


class SharedBias(nn.Module):
    """The normalization that ends a branch has a bias that others read too: it cannot be silenced."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = conv(), nn.BatchNorm2d(WIDTH)

    def forward(self, x):
        x = x * (2 + self.norm.bias[:, None, None])
        return x + self.norm(self.conv(x))


class BiasReadElsewhere(nn.Module):
    """A layer in the middle of a branch has a bias that others read too: the bias stays."""

    def __init__(self):
        super().__init__()
        self.f, self.g = conv(), conv()

    def forward(self, x):
        x = x * (2 + self.f.bias[:, None, None])
        return x + self.g(F.relu(self.f(x)))


class Tied(nn.Module):
    """Two layers of one branch have the same weight."""

    def __init__(self):
        super().__init__()
        self.f, self.g = nn.Conv2d(WIDTH, WIDTH, 1, bias=False), nn.Conv2d(WIDTH, WIDTH, 1, bias=False)
        self.g.weight = self.f.weight

    def forward(self, x):
        return x + self.g(F.relu(self.f(x)))
