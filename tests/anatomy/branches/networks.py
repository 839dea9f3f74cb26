"""Small networks with branches, each of images (N, 4, 6, 6), by what is special in them."""

import functools

import torch
import torch.nn.functional as F
from torch import nn

from edgesynth.anatomy import remove, trace

WIDTH = 4


def conv(inputs=WIDTH, outputs=WIDTH, size=3):
    return nn.Conv2d(inputs, outputs, size, padding=size // 2)


def layer(inputs=WIDTH, outputs=WIDTH):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))


class Net(nn.Module):
    """A stem, what lies between, and a head, so that nothing between them is an output."""

    def __init__(self, *middle, width=WIDTH):
        super().__init__()
        self.stem = conv()
        self.middle = nn.ModuleList(middle)
        self.head = conv(width, 3, 1)

    def forward(self, images):
        x = self.stem(images)
        for block in self.middle:
            x = block(x)
        return self.head(x)


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


class JoinedReadAgain(nn.Module):
    """The same of a concatenation of which one operand is left."""

    def __init__(self):
        super().__init__()
        self.layer, self.relu, self.last = layer(), nn.ReLU(inplace=True), conv(2 * WIDTH)

    def forward(self, x):
        y = torch.cat([x, self.layer(x)], 1)
        return self.last(self.relu(y)) + 3 * x


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


class TwoInputs(nn.Module):
    """The stream is its second input."""

    def __init__(self):
        super().__init__()
        self.conv, self.gate = conv(), conv()

    def forward(self, context, x):
        return x + self.conv(x) * context


class GivesTwo(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = conv()

    def forward(self, x):
        return x + self.conv(x), None


class GivesNamed(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = conv()

    def forward(self, x):
        return {"sum": x + self.conv(x), "all": [x, None]}


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = GivesNamed()

    def forward(self, x):
        outputs = self.block(torch.tanh(x))
        return outputs["sum"] * outputs["all"][0]


class WithContext(nn.Module):
    def __init__(self):
        super().__init__()
        self.block, self.pair = TwoInputs(), GivesTwo()

    def forward(self, x):
        x = self.block(torch.tanh(x), x)
        x, _ = self.pair(x)
        return torch.tanh(x)


class ListOfBlocks(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([PostActivation(), PreActivation()])

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


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


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.low, self.up = conv(outputs=6), conv(6, 6), conv(WIDTH + 6, WIDTH)
        self.skip = conv()

    def forward(self, x):
        low = F.relu(self.low(F.relu(self.down(F.max_pool2d(x, 2)))))
        return self.up(torch.cat([F.interpolate(low, scale_factor=2), F.relu(self.skip(x))], 1))


class Pyramid(nn.Module):
    """A side branch that is added to a level that is read elsewhere too, as in FPN."""

    def __init__(self):
        super().__init__()
        self.down, self.deep, self.side, self.smooth = conv(outputs=6), conv(6, WIDTH), conv(size=1), conv()

    def forward(self, x):
        top = F.interpolate(self.deep(F.relu(self.down(F.max_pool2d(x, 2)))), scale_factor=2)
        return self.smooth(top + self.side(x)) * torch.sigmoid(top)


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.f, self.g, self.norm = layer(WIDTH, 3), layer(WIDTH + 3, 3), nn.BatchNorm2d(WIDTH + 6)
        self.last = conv(WIDTH + 6)

    def forward(self, x):
        parts = [x]
        for module in (self.f, self.g):
            parts.append(F.relu(module(torch.cat(parts, 1))))
        return self.last(F.relu(self.norm(torch.cat(parts, 1))))


class Parallel(nn.Module):
    """As in Inception: all that is joined could go, and something must stay."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = layer(outputs=2), layer(outputs=3), layer(outputs=3)
        self.last = conv(8)

    def forward(self, x):
        return self.last(F.relu(torch.cat([self.a(x), F.relu(self.b(x)), F.relu(self.c(x))], 1)))


class Shared(nn.Module):
    """One block, called twice."""

    def __init__(self):
        super().__init__()
        self.block = PreActivation()

    def forward(self, x):
        return self.block(self.block(x))


class SharedLayer(nn.Module):
    """Two branches share a layer."""

    def __init__(self):
        super().__init__()
        self.shared, self.f, self.g = conv(), conv(), conv()

    def forward(self, x):
        x = x + self.f(F.relu(self.shared(x)))
        return x + self.g(F.relu(self.shared(x)))


class SharedBias(nn.Module):
    """The normalization that ends a branch has a bias that others read too: it cannot be silenced."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = conv(), nn.BatchNorm2d(WIDTH)

    def forward(self, x):
        x = x * (2 + self.norm.bias[:, None, None])
        return x + self.norm(self.conv(x))


class BiasReadElsewhere(nn.Module):
    """A layer in the middle of a branch has a bias that others read too: the bias stays."""

    def __init__(self):
        super().__init__()
        self.f, self.g = conv(), conv()

    def forward(self, x):
        x = x * (2 + self.f.bias[:, None, None])
        return x + self.g(F.relu(self.f(x)))


class Tied(nn.Module):
    """Two layers of one branch have the same weight."""

    def __init__(self):
        super().__init__()
        self.f, self.g = nn.Conv2d(WIDTH, WIDTH, 1, bias=False), nn.Conv2d(WIDTH, WIDTH, 1, bias=False)
        self.g.weight = self.f.weight

    def forward(self, x):
        return x + self.g(F.relu(self.f(x)))


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


class Auxiliary(nn.Module):
    """In training a head reads the branch, and what it gives is an output."""

    def __init__(self):
        super().__init__()
        self.layer, self.auxiliary, self.head = layer(), conv(outputs=2), conv(outputs=3)

    def forward(self, x):
        y = self.layer(x)
        out = self.head(x + y)
        return (out, self.auxiliary(y)) if self.training else out


class JoinedTokens(nn.Module):
    """Joined along the last dimension, where the channels of tokens lie."""

    def __init__(self):
        super().__init__()
        self.f, self.last = nn.Linear(WIDTH, 3), nn.Linear(WIDTH + 3, WIDTH)

    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        return self.last(torch.cat([tokens, self.f(tokens)], -1)).transpose(1, 2).reshape(x.shape)


class JoinedAlongRows(nn.Module):
    """Joined, but not by its channels."""

    def __init__(self):
        super().__init__()
        self.f = conv(outputs=6)
        self.constant, self.last = nn.Parameter(torch.randn(1, 6, 6, 6)), conv(6)

    def forward(self, x):
        return self.last(torch.cat([self.f(x), self.constant.expand(len(x), -1, -1, -1)], 2))


class Projection(nn.Module):
    def __init__(self):
        super().__init__()
        self.f, self.shortcut = nn.Sequential(layer(), nn.ReLU(), layer(outputs=6)), layer(outputs=6)
        self.back = conv(6)

    def forward(self, x):
        return self.back(F.relu(self.f(x) + self.shortcut(x)))


# {network: (its middle, its removable branches, its others)}
MIDDLES = {
    "pre-activation": ([PreActivation], 1, 0),
    "post-activation, stream of any sign": ([PostActivation], 1, 0),
    "post-activation twice": ([PostActivation, PostActivation], 2, 0),
    "added into": ([AddedInto], 1, 0),
    "written into": ([WrittenInto], 1, 0),
    "stream read again": ([ReadAgain], 1, 1),
    "stream written": ([StreamWritten], 1, 0),
    "joined, stream read again": ([JoinedReadAgain], 2, 0),
    "ReZero": ([ReZero], 1, 0),
    "sigmoid": ([Sigmoid], 0, 1),
    "squeeze and excitation": ([SqueezeExcite], 1, 0),
    "two inputs, two outputs": ([WithContext], 2, 0),
    "named outputs": ([Named], 1, 0),
    "list of blocks": ([ListOfBlocks], 2, 0),
    "transformer": ([Transformer], 2, 0),
    "encoder of torch": ([Encoder], 4, 0),
    "attention spelt out": ([Scores], 1, 0),
    "two in a row": ([TwoInARow], 2, 0),
    "nested": ([Nested], 2, 0),
    "inside": ([Inside], 2, 0),
    "U-Net": ([UNet], 1, 1),
    "pyramid": ([Pyramid], 1, 0),
    "dense": ([Dense], 2, 1),
    "parallel": ([Parallel], 2, 1),
    "shared block": ([Shared], 0, 0),
    "shared layer": ([SharedLayer], 2, 0),
    "shared bias": ([SharedBias], 0, 1),
    "bias read elsewhere": ([BiasReadElsewhere], 1, 0),
    "tied": ([Tied], 1, 0),
    "subtracted": ([Subtracted], 1, 0),
    "subtracted from": ([SubtractedFrom], 0, 0),
    "scaled stream": ([Scaled], 0, 0),
    "scaled branch": ([ScaledBranch], 1, 0),
    "minimum": ([Smallest], 0, 1),
    "where": ([Chosen], 0, 1),
    "bare parameters": ([Bare], 1, 0),
    "joined tokens": ([JoinedTokens], 1, 0),
    "joined along rows": ([JoinedAlongRows], 0, 0),
    "projection": ([Projection], 0, 1),
}


def network(name):
    """A network of `MIDDLES` in float64, in evaluation, nothing in it zero or one."""
    torch.manual_seed(list(MIDDLES).index(name))
    model = Net(*(middle() for middle in MIDDLES[name][0]))
    return shaken(model)


def shaken(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        for buffer in model.buffers():
            if buffer.is_floating_point():
                buffer.add_(0.3 * torch.rand_like(buffer))
    return model.double().eval()


@functools.cache
def traced(name):
    """A network of `MIDDLES` and its anatomy; neither is to be changed."""
    model = network(name)
    return model, trace(model, images())


def images(batch=2):
    return torch.randn(batch, WIDTH, 6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


class Together(nn.Module):
    """Several networks of the same images: what each of them gives, joined."""

    def __init__(self, networks):
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x):
        return torch.cat([network(x).mean((2, 3)) for network in self.networks], 1)


def without_branches(model, anatomy):
    """{branch: nothing} of every removable branch, and the network without them."""
    kept = {branch.name: [] for branch in anatomy.removable_branches}
    return kept, remove(model, anatomy.plan(kept))
