"""Networks whose blocks are called in unusual ways: with several inputs or outputs, by name, from a list."""

import torch
from torch import nn

from tests.anatomy.branches.middles.parts import conv, layer
from tests.anatomy.branches.middles.residual import PostActivation, PreActivation


class TwoInputs(nn.Module):
    """The stream is its second input."""

    def __init__(self):
        super().__init__()
        self.conv, self.gate = conv(), conv()

    def forward(self, context, x):
        return x + self.conv(x) * context


class GivesTwo(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = conv()

    def forward(self, x):
        return x + self.conv(x), None


class GivesNamed(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = conv()

    def forward(self, x):
        return {"sum": x + self.conv(x), "all": [x, None]}


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = GivesNamed()

    def forward(self, x):
        outputs = self.block(torch.tanh(x))
        return outputs["sum"] * outputs["all"][0]


class WithContext(nn.Module):
    def __init__(self):
        super().__init__()
        self.block, self.pair = TwoInputs(), GivesTwo()

    def forward(self, x):
        x = self.block(torch.tanh(x), x)
        x, _ = self.pair(x)
        return torch.tanh(x)


class ListOfBlocks(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([PostActivation(), PreActivation()])

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


class Auxiliary(nn.Module):
    """In training a head reads the branch, and what it gives is an output."""

    def __init__(self):
        super().__init__()
        self.layer, self.auxiliary, self.head = layer(), conv(outputs=2), conv(outputs=3)

    def forward(self, x):
        y = self.layer(x)
        out = self.head(x + y)
        return (out, self.auxiliary(y)) if self.training else out
