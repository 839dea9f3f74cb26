"""Tensors and parameters that are used more than once, constants of dead clusters, and what cannot be cut."""

import torch
import torch.nn.functional as F
from torch import nn

from .registry import network


@network
class InPlace(nn.Module):
    """Sums written into a tensor that is used again, a write into part of a tensor, which holds it whole, and one
    through a view of a tensor that nobody reads again."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 5, 1), nn.Conv2d(3, 5, 1), nn.Conv2d(5, 6, 1)
        self.d, self.out = nn.Conv2d(3, 6, 1), nn.Conv2d(11, 2, 1)
        self.e, self.last = nn.Conv2d(3, 4, 1), nn.Linear(4, 2)

    def forward(self, x):
        a = self.a(x)
        a.add_(self.b(x)).relu_()
        c = self.c(a)
        c[:, :2].mul_(2.0)
        held = torch.zeros_like(c)
        held[:, 3:] = self.d(x)[:, :3]
        e = self.e(x).flatten(2).relu_()
        return self.out(torch.cat([a, c + held], 1)).mean((2, 3)) + self.last(e.mean(2))


@network
class Constants(nn.Module):
    """Masked channels that are not zero: folded where a bias can take the constant, else protected."""

    def __init__(self):
        super().__init__()
        self.folded, self.reader = nn.Conv2d(3, 6, 1), nn.Conv2d(6, 5, 3)
        self.padded, self.after = nn.Conv2d(5, 4, 1), nn.Conv2d(4, 5, 3, padding=1)
        self.bare, self.last = nn.Conv2d(5, 6, 1), nn.Linear(6, 3, bias=False)

    def forward(self, x):
        x = self.reader(torch.sigmoid(self.folded(x)) + 1)
        x = self.after(torch.cos(self.padded(x)))
        return self.last(F.softplus(self.bare(x)).mean((2, 3)))


@network
class Shared(nn.Module):
    """A module used twice and two names for one weight."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.again = nn.Conv2d(6, 6, 3, padding=1)
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.second.weight = self.first.weight
        self.out = nn.Linear(6, 3)
        nn.init.normal_(self.again.weight)
        nn.init.normal_(self.first.weight)

    def forward(self, x):
        x = F.relu(self.again(F.relu(self.again(F.relu(self.stem(x))))))
        return self.out(F.relu(self.second(F.relu(self.first(x.mean((2, 3)))))))


@network
class SharedReader(nn.Module):
    """One layer that reads the same constant twice, and one that reads a constant once and zero once."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.same = nn.Conv2d(3, 5, 1), nn.Conv2d(3, 5, 1), nn.Conv2d(5, 4, 1)
        self.c, self.d, self.mixed = nn.Conv2d(3, 5, 1), nn.Conv2d(3, 5, 1), nn.Conv2d(5, 4, 1)
        self.out = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        same = self.same(torch.sigmoid(self.a(x))) + self.same(torch.sigmoid(self.b(x)))
        mixed = self.mixed(torch.sigmoid(self.c(x))) + self.mixed(torch.relu(self.d(x)))
        return self.out(same * mixed).mean((2, 3))


@network
class Protected(nn.Module):
    """Layers whose channels must stay: no rule, softmax over them, picked by number, a view of a written size."""

    def __init__(self):
        super().__init__()
        self.free = nn.Conv2d(3, 5, 1)
        self.sorted = nn.Conv2d(5, 6, 1)
        self.softmax = nn.Conv2d(6, 6, 1)
        self.picked = nn.Conv2d(6, 4, 1)
        self.viewed = nn.Conv2d(3, 3, 1)
        self.out = nn.Linear(3 * 64, 2)

    def forward(self, x):
        x, _ = torch.sort(self.sorted(F.relu(self.free(x))), 1)
        x = self.picked(torch.softmax(self.softmax(x), 1))[:, [0, 2, 3]]
        return self.out(F.relu(self.viewed(x)).view(-1, 192))
