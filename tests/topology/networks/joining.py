"""Sums, concatenations and splits of streams."""

import torch
import torch.nn.functional as F
from torch import nn

from .registry import network


@network
class Plain(nn.Module):
    """Convolutions, batch norm, pooling, flatten, linear."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 7, 3, padding=1), nn.BatchNorm2d(7)
        self.conv2 = nn.Conv2d(7, 5, 3, dilation=1)
        self.fc1, self.fc2 = nn.Linear(5 * 2 * 2, 11), nn.Linear(11, 4)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.hardswish(self.conv2(x)).flatten(1)
        return self.fc2(F.gelu(self.fc1(F.dropout(x, 0.5, self.training))))


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width + 2, 3, padding=1, bias=False), nn.BatchNorm2d(width + 2)
        self.conv2, self.bn2 = nn.Conv2d(width + 2, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        out += x
        return F.relu(out)


@network
class Residual(nn.Module):
    """Two stages with identity shortcuts and one projection between them."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.a, self.b = Block(6), Block(6)
        self.down, self.bn = nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8)
        self.short = nn.Conv2d(6, 8, 1, stride=2)
        self.c = Block(8)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = self.b(self.a(self.stem(x)))
        x = F.relu(self.bn(self.down(x)) + self.short(x))
        return self.fc(F.adaptive_avg_pool2d(self.c(x), 1).flatten(1))


@network
class PaddedShortcut(nn.Module):
    """The CIFAR ResNet's option A: every other pixel, zeros for the channels that are new."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.wide, self.bn = nn.Conv2d(4, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 2)

    def forward(self, x):
        x = F.relu(self.stem(x))
        short = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        return self.fc(F.relu(self.bn(self.wide(x)) + short).mean((2, 3)))


@network
class Concat(nn.Module):
    """Two branches joined, batch norm before and after the join, a tensor joined with itself."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(3, 7, 1)
        self.before, self.after = nn.BatchNorm2d(5), nn.BatchNorm2d(12)
        self.mix = nn.Conv2d(12, 6, 3)
        self.twice = nn.Conv2d(12, 4, 1)

    def forward(self, x):
        x = torch.cat([F.relu(self.before(self.left(x))), self.right(x)], 1)
        x = self.mix(F.relu(self.after(x)))
        return self.twice(torch.cat([x, x], 1)).mean((2, 3))


@network
class NestedConcat(nn.Module):
    """Joins of joins of residual streams, as dense networks have them, the image itself among the parts."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(3, 5, 3, padding=1)
        self.c = nn.Conv2d(8, 4, 1)
        self.block = Block(12)
        self.depth = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.out = nn.Conv2d(16, 3, 1)

    def forward(self, x):
        stream = self.a(x) + self.b(x)
        inner = torch.cat([stream, x], 1)
        more = torch.cat([self.c(inner), inner], 1)
        return self.out(torch.cat([self.depth(self.block(more)), self.c(inner)], 1)).mean((2, 3))


@network
class SplitStreams(nn.Module):
    """A split whose parts go to different residual streams."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 10, 3, padding=1)
        self.left, self.right = Block(5), nn.Conv2d(5, 5, 1)
        self.out = nn.Conv2d(5, 3, 1)
        self.other = nn.Conv2d(5, 2, 1)

    def forward(self, x):
        left, right = self.stem(x).chunk(2, 1)
        return torch.cat([self.out(self.left(left)), self.other(right + self.right(right))], 1).mean((2, 3))


@network
class FlattenedResidual(nn.Module):
    """A flatten under a residual: linear layers that must follow the channels of a convolution."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 7)
        self.inner = nn.Linear(20, 20)
        self.out = nn.Linear(20, 3)

    def forward(self, x):
        x = F.relu(self.conv(x)).flatten(1)
        return self.out(x + torch.tanh(self.inner(x)))


@network
class ComputedHalves(nn.Module):
    """Halves whose border the code computes: as long as both keep as many, nothing looks wrong."""

    def __init__(self):
        super().__init__()
        self.parts, self.mid, self.out = nn.Conv2d(3, 12, 1), nn.Conv2d(12, 8, 1), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        x = self.parts(x)
        border = x.shape[1] // 2
        return self.out(self.mid(torch.cat([x[:, :border].relu(), x[:, border:].tanh()], 1))).mean((2, 3))


@network
class Gated(nn.Module):
    """Maps of one channel that multiply all of another layer's, and one that is added."""

    def __init__(self):
        super().__init__()
        self.a, self.gate, self.shift = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 1, 1), nn.Conv2d(3, 1, 1)
        self.b, self.c, self.first = nn.Conv2d(8, 7, 1), nn.Conv2d(7, 6, 1), nn.Conv2d(3, 5, 1)
        self.out = nn.Conv2d(6, 2, 1)

    def forward(self, x):
        a = self.a(x)
        a = a * torch.sigmoid(self.gate(a))
        b = self.c(self.b(a) + self.shift(x))
        return self.out(b * self.first(x)[:, :1]).mean((2, 3))
