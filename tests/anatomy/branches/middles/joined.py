"""Networks that join channels: a branch is what is joined to a stream, or is added beside a join."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.anatomy.branches.middles.parts import WIDTH, conv, layer


class JoinedReadAgain(nn.Module):
    """The same of a concatenation of which one operand is left."""

    def __init__(self):
        super().__init__()
        self.layer, self.relu, self.last = layer(), nn.ReLU(inplace=True), conv(2 * WIDTH)

    def forward(self, x):
        y = torch.cat([x, self.layer(x)], 1)
        return self.last(self.relu(y)) + 3 * x


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.low, self.up = conv(outputs=6), conv(6, 6), conv(WIDTH + 6, WIDTH)
        self.skip = conv()

    def forward(self, x):
        low = F.relu(self.low(F.relu(self.down(F.max_pool2d(x, 2)))))
        return self.up(torch.cat([F.interpolate(low, scale_factor=2), F.relu(self.skip(x))], 1))


class Pyramid(nn.Module):
    """A side branch that is added to a level that is read elsewhere too, as in FPN."""

    def __init__(self):
        super().__init__()
        self.down, self.deep, self.side, self.smooth = conv(outputs=6), conv(6, WIDTH), conv(size=1), conv()

    def forward(self, x):
        top = F.interpolate(self.deep(F.relu(self.down(F.max_pool2d(x, 2)))), scale_factor=2)
        return self.smooth(top + self.side(x)) * torch.sigmoid(top)


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.f, self.g, self.norm = layer(WIDTH, 3), layer(WIDTH + 3, 3), nn.BatchNorm2d(WIDTH + 6)
        self.last = conv(WIDTH + 6)

    def forward(self, x):
        parts = [x]
        for module in (self.f, self.g):
            parts.append(F.relu(module(torch.cat(parts, 1))))
        return self.last(F.relu(self.norm(torch.cat(parts, 1))))


class Parallel(nn.Module):
    """As in Inception: all that is joined could go, and something must stay."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = layer(outputs=2), layer(outputs=3), layer(outputs=3)
        self.last = conv(8)

    def forward(self, x):
        return self.last(F.relu(torch.cat([self.a(x), F.relu(self.b(x)), F.relu(self.c(x))], 1)))


class JoinedTokens(nn.Module):
    """Joined along the last dimension, where the channels of tokens lie."""

    def __init__(self):
        super().__init__()
        self.f, self.last = nn.Linear(WIDTH, 3), nn.Linear(WIDTH + 3, WIDTH)

    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        return self.last(torch.cat([tokens, self.f(tokens)], -1)).transpose(1, 2).reshape(x.shape)


class JoinedAlongRows(nn.Module):
    """Joined, but not by its channels."""

    def __init__(self):
        super().__init__()
        self.f = conv(outputs=6)
        self.constant, self.last = nn.Parameter(torch.randn(1, 6, 6, 6)), conv(6)

    def forward(self, x):
        return self.last(torch.cat([self.f(x), self.constant.expand(len(x), -1, -1, -1)], 2))
