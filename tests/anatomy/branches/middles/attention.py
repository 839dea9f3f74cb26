"""Networks with attention: its branches hold tokens, and the channels of heads."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.anatomy.branches.middles.parts import WIDTH


class Transformer(nn.Module):
    """Two branches in one forward, tokens in the middle."""

    def __init__(self):
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(WIDTH), nn.MultiheadAttention(WIDTH, 2, batch_first=True)
        self.norm2, self.up, self.down = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 8), nn.Linear(8, WIDTH)

    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        given = self.norm1(tokens)
        tokens = tokens + self.attention(given, given, given, need_weights=False)[0]
        tokens = tokens + self.down(F.gelu(self.up(self.norm2(tokens))))
        return tokens.transpose(1, 2).reshape(x.shape)


class Encoder(nn.Module):
    """Torch's own transformer, which asks its layers' parts for attributes and hands their weights to one function."""

    def __init__(self):
        super().__init__()
        layers = nn.TransformerEncoderLayer(WIDTH, 2, 8, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layers, 2, enable_nested_tensor=False)

    def forward(self, x):
        return self.encoder(x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(x.shape)


class Scores(nn.Module):
    """Attention spelt out, with a bias of its own and views that name the number of inputs."""

    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH, bias=False)
        self.bias = nn.Parameter(torch.randn(WIDTH))

    def forward(self, x):
        n, c, h, w = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        q, k, v = self.qkv(tokens).reshape(n, h * w, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = ((q @ k.transpose(-2, -1)).softmax(-1) @ v).transpose(1, 2).reshape(n, h * w, c)
        tokens = tokens + (self.out(mixed) + self.bias)
        return tokens.transpose(1, 2).reshape(n, c, h, w)
