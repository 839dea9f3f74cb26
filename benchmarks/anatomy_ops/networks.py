"""Tiny networks, one for each kind of op: two blocks and a layer of ten channels behind what is of interest."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune

IMAGE, SEQUENCE, VECTOR = (4, 3, 8, 8), (4, 3, 6), (4, 6)


class Standardized(nn.Conv2d):
    """A weight standardized row by row."""

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        spread, mean = torch.var_mean(self.weight, dim=[1, 2, 3], keepdim=True)
        return functional.conv2d(images, (self.weight - mean) / torch.sqrt(spread + 1e-5), self.bias, padding=1)


class Equalized(nn.Module):
    """A weight scaled in every forward."""

    def __init__(self, i: int, o: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(o, i, 3, 3)), nn.Parameter(torch.randn(o))
        self.scale = 1 / math.sqrt(9 * i)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return functional.conv2d(images, self.weight * self.scale, self.bias, padding=1)


class Rounded(nn.Conv2d):
    """A weight rounded straight through, with one learned step."""

    def __init__(self, i: int, o: int, *sizes: int, **more: int) -> None:
        super().__init__(i, o, *sizes, **more)
        self.step = nn.Parameter(torch.tensor(0.02))

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        rounded = torch.round(self.weight / self.step) * self.step
        return functional.conv2d(images, self.weight + (rounded - self.weight).detach(), self.bias, padding=1)


def convolution(i: int, o: int) -> nn.Module:
    """A plain layer."""
    return nn.Conv2d(i, o, 3, padding=1)


class Between(nn.Module):
    """Two blocks and a head; what stands between them is given, and of what kind their layers are."""

    def __init__(
        self,
        middle: Callable[[Tensor], Tensor] = lambda x: x,
        layer: Callable[[int, int], nn.Module] = convolution,
        widths: tuple[int, int] = (12, 12),
        pool: Callable[[Tensor], Tensor] = lambda x: x.mean((2, 3)),
    ) -> None:
        super().__init__()
        self.a, self.b, self.out = layer(3, widths[0]), layer(widths[1], 10), nn.Linear(10, 3)
        self.middle, self.pool = middle, pool

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, 8, 8) to (N, 3)."""
        features = torch.relu(self.b(self.middle(torch.relu(self.a(images)))))
        return self.out(self.pool(features))


class Recurrent(nn.Module):
    """A convolution, a recurrent layer that reads its channels, and a head."""

    def __init__(self, steps: nn.RNNBase, ways: int = 1) -> None:
        super().__init__()
        self.first, self.steps, self.out = nn.Conv1d(3, 12, 1), steps, nn.Linear(10 * ways, 3)

    def forward(self, series: Tensor) -> Tensor:
        """(N, 3, T) to (N, T, 3)."""
        return self.out(self.steps(torch.relu(self.first(series)).transpose(1, 2))[0])


class Stepped(nn.Module):
    """A cell stepped by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.cell, self.out = nn.Linear(3, 12), nn.GRUCell(12, 10), nn.Linear(10, 3)

    def forward(self, series: Tensor) -> Tensor:
        """(N, 3, T) to (N, 3)."""
        state = None
        for step in torch.relu(self.first(series.transpose(1, 2))).unbind(1):
            state = self.cell(step, state)
        return self.out(state)


class Generator(nn.Module):
    """A vector made an image of 12 channels, by a module or by a view, and grown."""

    def __init__(self, image: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.start, self.image = nn.Linear(6, 12 * 9), image
        self.up, self.out = nn.ConvTranspose2d(12, 10, 2, stride=2), nn.ConvTranspose2d(10, 3, 2, stride=2)

    def forward(self, vectors: Tensor) -> Tensor:
        """(N, 6) to (N, 3, 12, 12)."""
        return self.out(torch.relu(self.up(torch.relu(self.image(self.start(vectors))))))


def _parts(x: Tensor) -> Tensor:
    spectrum = torch.fft.fft2(x)
    return torch.cat([spectrum.real, spectrum.imag], 1)


def _filtered(x: Tensor) -> Tensor:
    return torch.fft.irfft2(torch.fft.rfft2(x) * 0.5, s=x.shape[-2:])


def _sampled(x: Tensor) -> Tensor:
    theta = torch.tensor([[[0.8, 0.1, 0.0], [-0.1, 0.9, 0.1]]], dtype=x.dtype).expand(len(x), 2, 3)
    return functional.grid_sample(x, functional.affine_grid(theta, list(x.shape), align_corners=False))


def _windows(x: Tensor) -> Tensor:
    return functional.fold(functional.unfold(x, 3, padding=1), (8, 8), 3, padding=1)


def _copied(x: Tensor) -> Tensor:
    holes = torch.zeros_like(x)
    holes[:, :, ::2, ::2] = x[:, :, ::2, ::2]
    return holes


def _pruned(i: int, o: int) -> nn.Module:
    return prune.random_unstructured(convolution(i, o), "weight", amount=0.3)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "plain": (Between, IMAGE),
    "F.normalize over channels": (lambda: Between(lambda x: functional.normalize(x, dim=1)), IMAGE),
    "a norm over channels by hand": (lambda: Between(lambda x: x / (x.norm(dim=1, keepdim=True) + 1e-6)), IMAGE),
    "share of the largest channel": (lambda: Between(lambda x: x / (x.amax(1, keepdim=True) + 1)), IMAGE),
    "mean over channels": (lambda: Between(lambda x: x - x.mean(1, keepdim=True)), IMAGE),
    "amax over space": (lambda: Between(pool=lambda x: x.amax((2, 3))), IMAGE),
    "torch.max over space": (lambda: Between(pool=lambda x: torch.max(x.flatten(2), 2)[0]), IMAGE),
    "topk over space": (lambda: Between(pool=lambda x: x.flatten(2).topk(3, dim=2)[0].mean(2)), IMAGE),
    "glu": (lambda: Between(lambda x: functional.glu(x, 1), widths=(24, 12)), IMAGE),
    "spectrum filtered": (lambda: Between(_filtered), IMAGE),
    "spectrum's parts joined": (lambda: Between(_parts, widths=(12, 24)), IMAGE),
    "grid_sample": (lambda: Between(_sampled), IMAGE),
    "unfold and fold": (lambda: Between(_windows), IMAGE),
    "copy_ into zeros": (lambda: Between(_copied), IMAGE),
    "equalized learning rate": (lambda: Between(layer=Equalized), IMAGE),
    "weight standardization": (lambda: Between(layer=lambda i, o: Standardized(i, o, 3)), IMAGE),
    "fake quantization": (lambda: Between(layer=lambda i, o: Rounded(i, o, 3)), IMAGE),
    "weight_norm": (lambda: Between(layer=lambda i, o: parametrizations.weight_norm(convolution(i, o))), IMAGE),
    "spectral_norm": (lambda: Between(layer=lambda i, o: parametrizations.spectral_norm(convolution(i, o))), IMAGE),
    "prune left in": (lambda: Between(layer=_pruned), IMAGE),
    "Linear, Unflatten, ConvTranspose": (lambda: Generator(nn.Unflatten(1, (12, 3, 3))), VECTOR),
    "Linear, view, ConvTranspose": (lambda: Generator(lambda x: x.view(len(x), -1, 3, 3)), VECTOR),
    "LSTM": (lambda: Recurrent(nn.LSTM(12, 10, batch_first=True)), SEQUENCE),
    "LSTM of 2 layers and directions": (
        lambda: Recurrent(nn.LSTM(12, 10, 2, batch_first=True, bidirectional=True), 2),
        SEQUENCE,
    ),
    "GRU": (lambda: Recurrent(nn.GRU(12, 10, batch_first=True)), SEQUENCE),
    "RNN": (lambda: Recurrent(nn.RNN(12, 10, batch_first=True)), SEQUENCE),
    "GRUCell in a loop": (Stepped, SEQUENCE),
}


def build(name: str) -> tuple[nn.Module, Tensor]:
    """A network in float32 and evaluation mode, and an input for it; the same at every call."""
    torch.manual_seed(0)
    network, shape = NETWORKS[name][0](), NETWORKS[name][1]
    return network.eval(), torch.randn(shape)
