"""What looks at space: extrema with their indices, spectra, windows, sampling, and images made of vectors."""

import torch
import torch.nn.functional as F
from torch import nn

from .registry import network, topology


@network
class Extrema(nn.Module):
    """The largest and smallest over space, by each of torch's ops that give values and indices; of two tensors too."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 7, 3, padding=1), nn.Conv2d(3, 7, 3, padding=1), nn.Conv2d(7, 9, 1)
        self.out = nn.Linear(9 * 8, 3)

    def forward(self, x):
        x = F.relu(self.c(torch.max(self.a(x), torch.min(self.b(x), self.a(x) * 0.5))))
        flat = x.flatten(2)
        values = [torch.max(flat, 2)[0], torch.min(flat, 2).values, flat.median(2)[0], flat.mode(2)[0]]
        values += [flat.kthvalue(3, 2)[0], flat.sort(2)[0][..., 5], flat.topk(2, dim=2)[0].sum(2)]
        values += [flat.cummax(2)[0].mean(2)]
        return self.out(torch.cat(values, 1))


@network
class Moments(nn.Module):
    """Mean and spread over space in one op, both ends in one, parts along a spatial dimension."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(3, 7, 3), nn.Conv2d(7, 5, 1), nn.Linear(5 * 6, 3)

    def forward(self, x):
        spread, mean = torch.std_mean(self.a(x), dim=(2, 3), keepdim=True)
        x = self.b(spread + mean)
        wide = F.relu(x).expand(-1, -1, 4, 4).cumsum(3)
        low, high = torch.aminmax(wide.flatten(2), dim=2)
        var, middle = torch.var_mean(wide, dim=(2, 3))
        first, *_, last = wide.mean(2).unbind(2)
        return self.out(torch.cat([low, high, var, middle, first, last], 1))


@network
class Spectra(nn.Module):
    """Fourier transforms over space: real, complex, filtered, and with both parts as channels."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 7, 1), nn.Conv2d(7, 5, 1), nn.Conv2d(10, 6, 1)
        self.filter, self.out = nn.Parameter(torch.randn(7, 1, 1)), nn.Linear(6, 3)

    def forward(self, x):
        spectrum = torch.fft.rfft2(self.a(x), norm="ortho") * self.filter
        x = self.b(torch.fft.irfft2(spectrum, s=x.shape[-2:], norm="ortho"))
        spectrum = torch.fft.fftshift(torch.fft.fft2(x), dim=(-2, -1))
        parts = torch.cat([spectrum.real, spectrum.imag], 1)
        return self.out(F.relu(self.c(parts)).mean((2, 3)))


@network
class FourierUnit(nn.Module):
    """Both parts of a spectrum stacked behind the channels and back, as in fast Fourier convolutions."""

    def __init__(self):
        super().__init__()
        self.a, self.mix, self.out = nn.Conv2d(3, 6, 1), nn.Conv2d(12, 10, 1), nn.Conv2d(5, 3, 1)

    def forward(self, x):
        x = self.a(x)
        n, _, h, w = x.shape
        parts = torch.view_as_real(torch.fft.rfftn(x, dim=(-2, -1))).permute(0, 1, 4, 2, 3).contiguous()
        parts = F.relu(self.mix(parts.view(n, -1, h, w // 2 + 1)))
        parts = parts.view(n, -1, 2, h, w // 2 + 1).permute(0, 1, 3, 4, 2).contiguous()
        return self.out(torch.fft.irfftn(torch.view_as_complex(parts), s=(h, w), dim=(-2, -1))).mean((2, 3))


@network
class Sampled(nn.Module):
    """A spatial transformer: places computed by one branch at which another is sampled; the places stay."""

    def __init__(self):
        super().__init__()
        self.a, self.local, self.theta = nn.Conv2d(3, 7, 3, padding=1), nn.Conv2d(3, 5, 3), nn.Linear(5, 6)
        self.out = nn.Conv2d(7, 3, 1)

    def forward(self, x):
        theta = self.theta(F.relu(self.local(x)).mean((2, 3))).view(-1, 2, 3)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        return self.out(F.grid_sample(F.relu(self.a(x)), grid, align_corners=False)).mean((2, 3))


@network
class Windows(nn.Module):
    """A convolution by hand, windows put back together, windows of one dimension."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 5, 1), nn.Linear(5 * 9, 6 * 4), nn.Conv2d(6, 7, 1)
        self.out = nn.Linear(7, 3)

    def forward(self, x):
        columns = F.unfold(F.relu(self.a(x)), 3, padding=1, stride=2)
        columns = F.relu(self.b(columns.transpose(1, 2))).transpose(1, 2)
        x = F.relu(self.c(F.fold(columns, (8, 8), 2, stride=2)))
        return self.out(x.unfold(2, 2, 2).amax(-1).mean((2, 3)))


@network
class Copied(nn.Module):
    """A tensor copied into another, and every other pixel written into zeros."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 7, 1), nn.Conv2d(7, 5, 1), nn.Conv2d(5, 4, 3)
        self.out = nn.Linear(4, 3)

    def forward(self, x):
        x = F.relu(self.a(x))
        held = torch.empty_like(x)
        held.copy_(x)
        x = F.relu(self.b(held))
        n, c, h, w = x.shape
        holes = x.new_zeros(n, c, 2 * h, 2 * w)
        holes[:, :, ::2, ::2] = x
        return self.out(F.relu(self.c(holes)).mean((2, 3)))


@topology((2, 6))
class Generator(nn.Module):
    """A vector made an image, channel by channel, and grown by transposed convolutions."""

    def __init__(self):
        super().__init__()
        self.start, self.image = nn.Linear(6, 7 * 3 * 3), nn.Unflatten(1, (7, 3, 3))
        self.norm, self.up = nn.BatchNorm2d(7), nn.ConvTranspose2d(7, 5, 2, stride=2)
        self.out = nn.ConvTranspose2d(5, 3, 3, stride=2, padding=1)

    def forward(self, x):
        x = F.relu(self.norm(self.image(self.start(x))))
        return torch.tanh(self.out(F.relu(self.up(x))))


@topology((2, 6))
class Decoder(nn.Module):
    """The same by a view that asks for the width, straight into a transposed convolution, and by resampling."""

    def __init__(self):
        super().__init__()
        self.start, self.up = nn.Linear(6, 5 * 2 * 2), nn.ConvTranspose2d(5, 4, 2)
        self.other, self.out = nn.Linear(6, 6 * 2 * 2), nn.Conv2d(10, 3, 3)

    def forward(self, x):
        first = F.relu(self.up(F.relu(self.start(x)).view(len(x), -1, 2, 2)))
        second = F.interpolate(self.other(x).view(len(x), -1, 2, 2), scale_factor=1.5)
        return self.out(torch.cat([first, second], 1))


@network
class Unpooled(nn.Module):
    """Pooled and put back to where the maxima were, as in SegNet."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 7, 3, padding=1), nn.Conv2d(7, 5, 1)
        self.c, self.out = nn.Conv2d(5, 7, 3, padding=1), nn.Conv2d(7, 2, 1)

    def forward(self, x):
        x, places = F.max_pool2d(F.relu(self.a(x)), 2, return_indices=True)
        return self.out(F.max_unpool2d(F.relu(self.c(F.relu(self.b(x)))), places, 2))


@network
class Halves(nn.Module):
    """Gated linear units over channels, and over the last dimension of a sequence."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 10, 3), nn.Conv2d(5, 6, 1)
        self.up, self.out = nn.Linear(6, 14), nn.Linear(7, 3)

    def forward(self, x):
        x = F.relu(self.b(F.glu(self.a(x), 1)))
        return self.out(F.glu(self.up(x.flatten(2).transpose(1, 2)))).mean(1)
