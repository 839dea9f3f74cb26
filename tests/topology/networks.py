"""One tiny network per topology. Widths are odd on purpose: an index that is off by one shows."""

import torch
import torch.nn.functional as F
from torch import nn


class Plain(nn.Module):
    """Convolutions, batch norm, pooling, flatten, linear."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 7, 3, padding=1), nn.BatchNorm2d(7)
        self.conv2 = nn.Conv2d(7, 5, 3)
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


class Concat(nn.Module):
    """Two branches joined, batch norm after the join, a tensor joined with itself."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(3, 7, 1)
        self.bn = nn.BatchNorm2d(12)
        self.mix = nn.Conv2d(12, 6, 3)
        self.twice = nn.Conv2d(12, 4, 1)

    def forward(self, x):
        x = self.mix(F.relu(self.bn(torch.cat([self.left(x), self.right(x)], 1))))
        return self.twice(torch.cat([x, x], 1)).mean((2, 3))


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


class Protected(nn.Module):
    """Layers whose channels must stay: a sigmoid's constant, a softmax, a grouped convolution, a hard-coded view."""

    def __init__(self):
        super().__init__()
        self.free = nn.Conv2d(3, 5, 1)
        self.sigmoid = nn.Conv2d(5, 6, 1)
        self.softmax = nn.Conv2d(6, 6, 1)
        self.grouped = nn.Conv2d(6, 4, 3, groups=2)
        self.viewed = nn.Conv2d(4, 3, 1)
        self.out = nn.Linear(3 * 6 * 6, 2)

    def forward(self, x):
        x = torch.sigmoid(self.sigmoid(F.relu(self.free(x))))
        x = self.grouped(torch.softmax(self.softmax(x), 1))
        return self.out(F.relu(self.viewed(x)).view(-1, 108))


NETWORKS = {network.__name__: network for network in (Plain, Residual, Concat, Depthwise, Shared, Protected)}


def build(name, seed=0):
    """A network in float64 with biases and statistics away from zero, and a batch of three 8x8 images."""
    torch.manual_seed(seed)
    network = NETWORKS[name]().double().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return network, (torch.randn(3, 3, 8, 8, dtype=torch.float64),)
