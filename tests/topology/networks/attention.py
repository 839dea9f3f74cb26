"""Attention and other products of activations."""

import torch
import torch.nn.functional as F
from torch import nn

from .registry import network, topology


@topology((2, 5, 6))
class Attention(nn.Module):
    """Heads as one op; the stream itself is held by layer norm."""

    def __init__(self):
        super().__init__()
        self.num_heads = 4
        self.embed = nn.Linear(6, 6)
        self.norm = nn.LayerNorm(6)
        self.q, self.k, self.v = nn.Linear(6, 12), nn.Linear(6, 12), nn.Linear(6, 20)
        self.out = nn.Linear(20, 6)
        self.up, self.down = nn.Linear(6, 13), nn.Linear(13, 6)

    def forward(self, x):
        x = self.embed(x)
        y = self.norm(x)
        q, k, v = (one(y).view(*y.shape[:2], self.num_heads, -1).transpose(1, 2) for one in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + self.out(y)
        return x + self.down(F.gelu(self.up(x)))


@topology((2, 5, 6))
class HandWrittenAttention(nn.Module):
    """The same by matmul and softmax, with the scale written down."""

    def __init__(self):
        super().__init__()
        self.heads = 3
        self.q, self.k, self.v = nn.Linear(6, 12), nn.Linear(6, 12), nn.Linear(6, 12)
        self.out = nn.Linear(12, 6)

    def forward(self, x):
        q, k, v = (one(x).reshape(2, 5, self.heads, 4).permute(0, 2, 1, 3) for one in (self.q, self.k, self.v))
        weights = torch.softmax(q @ k.transpose(-2, -1) * 0.5, dim=-1)
        return self.out((weights @ v).permute(0, 2, 1, 3).reshape(2, 5, -1)).mean(1)


@topology((2, 5, 6))
class PackedAttention(nn.Module):
    """Query, key and value in one layer, picked by number; the heads' count is an attribute."""

    def __init__(self):
        super().__init__()
        self.num_heads, self.head_dim = 5, 2
        self.qkv, self.out = nn.Linear(6, 30), nn.Linear(10, 6)

    def forward(self, x):
        n, length, _ = x.shape
        qkv = self.qkv(x).reshape(n, length, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, length, -1)).sum(1)


@network
class Einsum(nn.Module):
    """Attention over space in one channel space, by einsum and bmm; parameters outside of layers."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 7, 1), nn.Conv2d(3, 7, 1), nn.Conv2d(3, 9, 1)
        self.scale = nn.Parameter(torch.randn(9, 1, 1))
        self.offset = nn.Parameter(torch.randn(1, 9, 8, 8))
        self.rows = nn.Parameter(torch.randn(8, 1))
        self.mixing = nn.Parameter(torch.randn(9, 4))

    def forward(self, x):
        a, b, c = self.a(x), self.b(x), self.c(x) * self.scale * self.rows + self.offset
        scores = torch.softmax(torch.einsum("nchw,ncuv->nhwuv", a, b).flatten(1, 2).flatten(2), dim=2)
        mixed = torch.bmm(c.flatten(2), scores.transpose(1, 2))
        return mixed.mean(2) @ self.mixing


@topology((2, 6))
class Words(nn.Module):
    """Embedded words with their places, a token in front, and a linear layer on each."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(11, 9)
        self.token = nn.Parameter(torch.randn(1, 1, 9))
        self.places = nn.Parameter(torch.randn(1, 7, 9))
        self.up, self.out = nn.Linear(9, 13), nn.Linear(13, 3)

    def forward(self, x):
        words = self.words((x * 3).long().clamp(0, 10))
        words = torch.cat([self.token.expand(x.shape[0], -1, -1), words], 1) + self.places
        return self.out(torch.tanh(self.up(words)))[:, 0]


@topology((2, 3, 8, 8), (2, 5))
class TwoInputs(nn.Module):
    """Two inputs, two outputs, a stack, a sum over the stacked dimension and one over channels."""

    def __init__(self):
        super().__init__()
        self.image, self.vector = nn.Conv2d(3, 7, 3), nn.Linear(5, 7)
        self.out, self.side = nn.Linear(7, 4), nn.Linear(5, 6)

    def forward(self, image, vector):
        both = torch.stack([F.relu(self.image(image)).mean((2, 3)), F.relu(self.vector(vector))], 1)
        return self.out(both.sum(1)), F.relu(self.side(vector)).sum(1)
