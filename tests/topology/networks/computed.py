"""Weights that are computed from parameters, and what is divided by a norm of its channels."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, prune

from .registry import network, topology


class EqualizedConv(nn.Module):
    """A weight drawn from N(0, 1) and scaled in every forward, as in GANs that grow."""

    def __init__(self, i, o, k):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(o, i, k, k)), nn.Parameter(torch.randn(o))
        self.scale, self.rate = 1 / math.sqrt(i * k * k), 0.1

    def forward(self, x):
        return F.conv2d(x, self.weight * self.scale, self.bias * self.rate, padding=self.weight.shape[-1] // 2)


class EqualizedLinear(nn.Module):
    """The same, the weight written as a product with its transpose."""

    def __init__(self, i, o):
        super().__init__()
        self.raw, self.bias = nn.Parameter(torch.randn(o, i)), nn.Parameter(torch.randn(o))
        self.gain = i**-0.5

    def forward(self, x):
        return x @ (self.raw * self.gain).t() + self.bias


@network
class EqualizedRate(nn.Module):
    """All layers but the last two at an equalized rate."""

    def __init__(self):
        super().__init__()
        self.a, self.b = EqualizedConv(3, 7, 3), EqualizedConv(7, 5, 1)
        self.c, self.out = EqualizedLinear(5, 9), nn.Linear(9, 3)

    def forward(self, x):
        x = F.leaky_relu(self.b(F.leaky_relu(self.a(x), 0.2)), 0.2)
        return self.out(F.relu(self.c(x.mean((2, 3)))))


class StandardizedConv(nn.Conv2d):
    def forward(self, x):
        spread, mean = torch.var_mean(self.weight, dim=[1, 2, 3], keepdim=True, unbiased=False)
        weight = (self.weight - mean) / torch.sqrt(spread + 1e-5)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)


class StandardizedByBatchNorm(nn.Conv2d):
    """The same by batch normalization of the weight as one image."""

    def forward(self, x):
        rows = self.weight.reshape(1, self.out_channels, -1)
        weight = F.batch_norm(rows, None, None, training=True, momentum=0.0, eps=1e-6).reshape_as(self.weight)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)


@network
class WeightStandardized(nn.Module):
    """Statistics of each row: rows can be cut, what such a layer reads cannot."""

    def __init__(self):
        super().__init__()
        self.held, self.a = nn.Conv2d(3, 6, 1), StandardizedConv(6, 5, 3)
        self.plain, self.b = nn.Conv2d(5, 4, 1), StandardizedByBatchNorm(4, 7, 3)
        self.out = nn.Linear(7, 3)

    def forward(self, x):
        x = F.relu(self.a(F.relu(self.held(x))))
        return self.out(F.relu(self.b(F.relu(self.plain(x)))).mean((2, 3)))


class RoundedConv(nn.Conv2d):
    """Rounded straight through, with a learned step for each row."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.step = nn.Parameter(torch.rand(self.out_channels) / 10 + 0.05)

    def forward(self, x):
        step = self.step.view(-1, 1, 1, 1)
        rounded = torch.clamp(torch.round(self.weight / step), -127, 127) * step
        return F.conv2d(x, self.weight + (rounded - self.weight).detach(), self.bias)


class FakeQuantizedConv(nn.Conv2d):
    """By torch's own op, with steps that are taken from the rows."""

    def forward(self, x):
        step = self.weight.detach().abs().amax((1, 2, 3)).clamp(min=1e-8) / 7
        zero = torch.zeros(len(self.weight), dtype=torch.int32)
        return F.conv2d(x, torch.fake_quantize_per_channel_affine(self.weight, step.float(), zero, 0, -8, 7), self.bias)


@network
class FakeQuantized(nn.Module):
    """Weights that are rounded in the forward pass, by hand and by torch; a step may be a statistic."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.held = RoundedConv(3, 6, 3), RoundedConv(6, 5, 1), nn.Conv2d(5, 4, 1)
        self.c, self.out = FakeQuantizedConv(4, 7, 3), nn.Linear(7, 3)

    def forward(self, x):
        x = F.relu(self.held(F.relu(self.b(F.relu(self.a(x))))))
        return self.out(F.relu(self.c(x)).mean((2, 3)))


@network
class WeightNormalized(nn.Module):
    """Directions and lengths: rows die by their length, columns take their share of it along."""

    def __init__(self):
        super().__init__()
        self.a = parametrizations.weight_norm(nn.Conv2d(3, 6, 3))
        self.b = parametrizations.weight_norm(nn.Conv2d(6, 8, 3, groups=2))
        self.c = parametrizations.weight_norm(nn.Conv2d(8, 5, 1))
        self.whole = parametrizations.weight_norm(nn.Linear(5, 9), dim=None)
        self.up = parametrizations.weight_norm(nn.ConvTranspose2d(9, 7, 2))
        self.out = nn.Linear(7, 3)

    def forward(self, x):
        x = F.relu(self.c(F.relu(self.b(F.relu(self.a(x))))))
        x = F.relu(self.whole(x.mean((2, 3))))[:, :, None, None]
        return self.out(F.relu(self.up(x)).mean((2, 3)))


@network
class SpectrallyNormalized(nn.Module):
    """Weights divided by their largest singular value: that is of all rows and columns together."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 6, 3), parametrizations.spectral_norm(nn.Conv2d(6, 5, 1))
        self.c, self.out = nn.Conv2d(5, 7, 1), nn.Linear(7, 3)

    def forward(self, x):
        return self.out(F.relu(self.c(F.relu(self.b(F.relu(self.a(x)))))).mean((2, 3)))


@network
class MaskedWeights(nn.Module):
    """Pruned by torch.nn.utils.prune, and left so: the weight is computed from an original and a mask."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(3, 7, 3), nn.Conv2d(7, 5, 3), nn.Linear(5, 3)
        for layer in (self.a, self.b):
            prune.random_unstructured(layer, "weight", amount=0.3)

    def forward(self, x):
        return self.out(F.relu(self.b(F.relu(self.a(x)))).mean((2, 3)))


@network
class UnitLength(nn.Module):
    """Features of length one, by torch and by hand; a share of the largest, which is not below zero; cosines."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 7, 3), nn.Conv2d(7, 6, 1), nn.Conv2d(6, 5, 1)
        self.query, self.key, self.out = nn.Linear(5, 9), nn.Linear(5, 9), nn.Linear(5, 3)

    def forward(self, x):
        x = F.normalize(self.a(x), dim=1)
        x = self.b(x)
        x = x / (x.pow(2).sum(1, keepdim=True).sqrt() + 1e-6)
        x = F.relu(self.c(x))
        x = (x / (x.amax(1, keepdim=True) + 1)).mean((2, 3))
        near = F.cosine_similarity(self.query(x), self.key(x), dim=1)
        return self.out(x) * near[:, None]


@network
class HeldByStatistics(nn.Module):
    """A mean over channels divides by their number, a maximum of any sign may be of one that is cut."""

    def __init__(self):
        super().__init__()
        self.mean, self.largest, self.free = nn.Conv2d(3, 7, 1), nn.Conv2d(7, 6, 1), nn.Conv2d(6, 5, 1)
        self.out = nn.Linear(5, 3)

    def forward(self, x):
        x = self.mean(x)
        x = self.largest(x - x.mean(1, keepdim=True))
        x = self.free(x - x.amax(1, keepdim=True))
        return self.out(F.relu(x).mean((2, 3)))


@topology((2, 3, 8, 8))
class RepeatedBlur(nn.Module):
    """One fixed filter, repeated for as many channels as there are."""

    def __init__(self):
        super().__init__()
        self.register_buffer("filter", torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16)
        self.a, self.b, self.out = nn.Conv2d(3, 7, 3, padding=1), nn.Conv2d(7, 5, 1), nn.Linear(5, 3)

    def forward(self, x):
        x = F.relu(self.a(x))
        x = F.conv2d(x, self.filter[None, None].repeat(x.shape[1], 1, 1, 1), groups=x.shape[1], padding=1)
        x = F.relu(self.b(x))
        x = F.conv2d(x, self.filter.expand(x.shape[1], 1, 3, 3), groups=x.shape[1], stride=2)
        return self.out(x.mean((2, 3)))
