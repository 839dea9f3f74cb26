"""One tiny network per topology. Widths are odd where they can be: an index that is off by one shows."""

import torch
import torch.nn.functional as F
from torch import nn

NETWORKS = {}
IMAGE = (3, 3, 8, 8)


def network(cls, *shapes):
    """Register a network with the shapes of its inputs; three images of 8x8 by default."""
    NETWORKS[cls.__name__] = (cls, shapes or (IMAGE,))
    return cls


def topology(*shapes):
    return lambda cls: network(cls, *shapes)


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


def build(name, seed=0):
    """A network in float64 with statistics and scales away from one, and its inputs."""
    torch.manual_seed(seed)
    cls, shapes = NETWORKS[name]
    model = cls().double().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.InstanceNorm2d | nn.GroupNorm | nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return model, tuple(torch.randn(shape, dtype=torch.float64) for shape in shapes)
