"""Networks with residual blocks: what is computed of a stream is added to it, or not quite."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.anatomy.branches.middles.parts import WIDTH, conv, layer


class PreActivation(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(WIDTH), conv()
        self.norm2, self.conv2 = nn.BatchNorm2d(WIDTH), conv()

    def forward(self, x):
        return x + self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))


class PostActivation(nn.Module):
    """As in ResNet: written in place, and a ReLU after the addition."""

    def __init__(self):
        super().__init__()
        self.layer1, self.layer2, self.relu = layer(), layer(), nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.layer2(self.relu(self.layer1(x)))
        out += x
        return self.relu(out)


class AddedInto(nn.Module):
    """`x.add_(f(x))`."""

    def __init__(self):
        super().__init__()
        self.layer = layer()

    def forward(self, x):
        x = x * 2
        x.add_(torch.tanh(self.layer(x)))
        return x


class WrittenInto(nn.Module):
    """`f(x).add_(x)`, and the variable that held the branch is read on."""

    def __init__(self):
        super().__init__()
        self.layer = layer()

    def forward(self, x):
        out = self.layer(x)
        out.add_(x)
        return torch.tanh(out)


class ReadAgain(nn.Module):
    """The sum is changed in place, and the stream is read afterwards."""

    def __init__(self):
        super().__init__()
        self.layer, self.relu = layer(), nn.ReLU(inplace=True)

    def forward(self, x):
        y = x + self.layer(x)
        y = self.relu(y)
        return y + 3 * x


class StreamWritten(nn.Module):
    """The stream is changed in place after it was added to."""

    def __init__(self):
        super().__init__()
        self.layer = layer()

    def forward(self, x):
        x = x * 2
        y = x + self.layer(x)
        x.tanh_()
        return y * x


class ReZero(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.alpha = conv(), nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return x + self.alpha * torch.sigmoid(self.conv(x))


class Sigmoid(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = conv()

    def forward(self, x):
        return x + torch.sigmoid(self.conv(x))


class SqueezeExcite(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1, self.squeeze, self.excite = layer(), conv(size=1), conv(size=1)

    def forward(self, x):
        out = self.layer1(x)
        scale = torch.sigmoid(self.excite(F.relu(self.squeeze(out.mean((2, 3), keepdim=True)))))
        return x + out * scale


class TwoInARow(nn.Module):
    def __init__(self):
        super().__init__()
        self.f, self.g = layer(), layer()

    def forward(self, x):
        return x + self.f(x) + self.g(x)


class Nested(nn.Module):
    """A residual within a branch."""

    def __init__(self):
        super().__init__()
        self.first, self.inner, self.last = conv(), layer(), layer()

    def forward(self, x):
        y = F.relu(self.first(x))
        y = y + self.inner(y)
        return x + self.last(y)


class Inside(nn.Module):
    """A branch that is added to what a branch gives."""

    def __init__(self):
        super().__init__()
        self.f, self.g = layer(), layer()

    def forward(self, x):
        y = self.f(x)
        return x + (y + self.g(y))


class Subtracted(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = layer()

    def forward(self, x):
        return x - self.layer(x)


class SubtractedFrom(nn.Module):
    """`f(x) - x`: without the branch it is not the stream."""

    def __init__(self):
        super().__init__()
        self.layer = layer()

    def forward(self, x):
        return self.layer(x) - x


class Scaled(nn.Module):
    """`f(x) + 0.5 x`: without the branch it is not the stream."""

    def __init__(self):
        super().__init__()
        self.layer = layer()

    def forward(self, x):
        return torch.add(self.layer(x), x, alpha=0.5)


class ScaledBranch(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = layer()

    def forward(self, x):
        return torch.add(input=x, other=self.layer(x), alpha=0.5)


class Smallest(nn.Module):
    """What it adds is zero where its layer is, for positive inputs alone."""

    def __init__(self):
        super().__init__()
        self.layer = layer()

    def forward(self, x):
        return x + torch.minimum(self.layer(x), torch.tanh(x))


class Chosen(nn.Module):
    """What it adds is zero in places alone."""

    def __init__(self):
        super().__init__()
        self.layer = layer()

    def forward(self, x):
        return x + torch.where(x > 0, self.layer(x), torch.tanh(x))


class Bare(nn.Module):
    """Layers that are parameters of the module that adds them."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(WIDTH, WIDTH, 3, 3)), nn.Parameter(torch.randn(WIDTH))

    def forward(self, x):
        return x + F.conv2d(torch.tanh(x), self.weight, self.bias, padding=1)


class Projection(nn.Module):
    def __init__(self):
        super().__init__()
        self.f, self.shortcut = nn.Sequential(layer(), nn.ReLU(), layer(outputs=6)), layer(outputs=6)
        self.back = conv(6)

    def forward(self, x):
        return self.back(F.relu(self.f(x) + self.shortcut(x)))
