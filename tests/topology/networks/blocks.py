"""Convolutions and views that force blocks, and what changes the size of an image."""

import torch
import torch.nn.functional as F
from torch import nn

from .registry import network, topology


@network
class Depthwise(nn.Module):
    """An inverted bottleneck with a gate, and a convolution of one channel that is not depthwise."""

    def __init__(self):
        super().__init__()
        self.expand, self.bn1 = nn.Conv2d(3, 9, 1, bias=False), nn.BatchNorm2d(9)
        self.depth, self.bn2 = nn.Conv2d(9, 9, 3, padding=1, groups=9), nn.BatchNorm2d(9)
        self.squeeze, self.excite = nn.Conv2d(9, 3, 1), nn.Conv2d(3, 9, 1)
        self.project = nn.Conv2d(9, 1, 1)
        self.single = nn.Conv2d(1, 1, 3, padding=1)
        self.head = nn.Conv2d(1, 5, 1)

    def forward(self, x):
        x = F.relu6(self.bn2(self.depth(F.relu6(self.bn1(self.expand(x))))))
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))))
        return self.head(self.single(self.project(x * gate))).mean((2, 3))


@network
class Grouped(nn.Module):
    """Grouped convolutions, one of them with two outputs for each input channel, and group norm."""

    def __init__(self):
        super().__init__()
        self.stem, self.gn = nn.Conv2d(3, 12, 1), nn.GroupNorm(4, 12)
        self.grouped = nn.Conv2d(12, 8, 3, padding=1, groups=4)
        self.doubled = nn.Conv2d(8, 16, 3, groups=8)
        self.out = nn.Conv2d(16, 3, 1)

    def forward(self, x):
        return self.out(F.relu(self.doubled(F.relu(self.grouped(F.relu(self.gn(self.stem(x)))))))).mean((2, 3))


@network
class Shuffled(nn.Module):
    """ShuffleNet's unit: halves, one of them untouched, joined and interleaved."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 1)
        self.conv, self.depth = nn.Conv2d(6, 6, 1), nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.out = nn.Conv2d(12, 3, 1)

    def forward(self, x):
        left, right = F.relu(self.stem(x)).chunk(2, dim=1)
        x = torch.cat([left, self.depth(F.relu(self.conv(right)))], 1)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        return self.out(x).mean((2, 3))


@network
class PixelShuffled(nn.Module):
    """Space to depth and back."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(12, 20, 3, padding=1), nn.Conv2d(5, 3, 3, padding=1)
        self.c = nn.Conv2d(12, 4, 1)

    def forward(self, x):
        x = F.pixel_shuffle(F.relu(self.a(F.pixel_unshuffle(x, 2))), 2)
        return self.c(F.pixel_unshuffle(self.b(x), 2)).mean((2, 3))


@network
class Upsampled(nn.Module):
    """A U of transposed convolutions, one of them grouped, resampling, and instance norm."""

    def __init__(self):
        super().__init__()
        self.down, self.norm = nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.InstanceNorm2d(6, affine=True)
        self.up = nn.ConvTranspose2d(6, 5, 2, stride=2)
        self.each = nn.ConvTranspose2d(5, 10, 3, padding=1, groups=5)
        self.out = nn.Conv2d(16, 2, 3, padding=1)

    def forward(self, x):
        low = F.relu(self.norm(self.down(x)))
        high = F.relu(self.each(F.relu(self.up(low))))
        return self.out(torch.cat([high, F.interpolate(low, scale_factor=2, mode="bilinear")], 1))


@topology((2, 4, 20))
class Sequence(nn.Module):
    """One-dimensional convolutions; a layer norm over time gives a dead channel its own shift, which stays."""

    def __init__(self):
        super().__init__()
        self.a, self.bn = nn.Conv1d(4, 9, 3, padding=2, dilation=2), nn.BatchNorm1d(9)
        self.time = nn.LayerNorm(20)
        self.b = nn.Conv1d(9, 7, 1)
        self.fc = nn.Linear(7, 3)

    def forward(self, x):
        return self.fc(F.relu(self.b(self.time(F.silu(self.bn(self.a(x)))))).amax(2))
