"""Recurrent layers and cells."""

import torch
import torch.nn.functional as F
from torch import nn

from .registry import network, topology


@topology((2, 4, 6))
class Recurrent(nn.Module):
    """An LSTM of two layers and directions after a convolution, whose constants it takes into its bias."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(4, 7, 1)
        self.steps = nn.LSTM(7, 5, num_layers=2, bidirectional=True, batch_first=True)
        self.out = nn.Linear(10, 3)

    def forward(self, x):
        output, (hidden, _) = self.steps(torch.sigmoid(self.first(x)).transpose(1, 2))
        return self.out(output.mean(1) + torch.cat([hidden[-2], hidden[-1]], 1))


@topology((2, 4, 6))
class Chained(nn.Module):
    """A GRU whose last state begins a tanh network; one without biases; one whose cells are projected."""

    def __init__(self):
        super().__init__()
        self.encode, self.decode = nn.GRU(4, 6), nn.RNN(4, 6, nonlinearity="relu")
        self.bare, self.small = nn.GRU(6, 7, bias=False, batch_first=True), nn.LSTM(7, 8, proj_size=3)
        self.out = nn.Linear(3, 2)

    def forward(self, x):
        x = x.permute(2, 0, 1)
        _, state = self.encode(x)
        output, _ = self.decode(x, state)
        output, _ = self.bare(output.transpose(0, 1))
        return self.out(self.small(output)[0].mean(1))


@network
class Rows(nn.Module):
    """Columns of an image read as a sequence: every unit that is read is a channel's line of pixels."""

    def __init__(self):
        super().__init__()
        self.a, self.steps = nn.Conv2d(3, 5, 3, padding=1), nn.GRU(5 * 4, 7, bidirectional=True)
        self.out = nn.Linear(14, 3)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.a(x)), 2)
        return self.out(self.steps(x.permute(3, 0, 1, 2).flatten(2))[0])


@topology((2, 4, 3))
class Cells(nn.Module):
    """Cells stepped by hand, one of them from a learned state."""

    def __init__(self):
        super().__init__()
        self.first, self.long = nn.Linear(4, 6), nn.LSTMCell(6, 5)
        self.gated, self.plain, self.start = nn.GRUCell(5, 7), nn.RNNCell(7, 3), nn.Parameter(torch.randn(7))
        self.out = nn.Linear(3, 2)

    def forward(self, x):
        states, gated, plain = None, self.start.expand(len(x), -1), None
        for step in F.relu(self.first(x.transpose(1, 2))).unbind(1):
            states = self.long(step, states)
            gated = self.gated(states[0], gated)
            plain = self.plain(gated, plain)
        return self.out(plain)


@topology((2, 4, 6), (1, 2, 5))
class GivenState(nn.Module):
    """A state that comes with the input: its width stays."""

    def __init__(self):
        super().__init__()
        self.first, self.steps, self.out = nn.Conv1d(4, 7, 1), nn.GRU(7, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x, state):
        return self.out(self.steps(F.relu(self.first(x)).transpose(1, 2), state)[0])
