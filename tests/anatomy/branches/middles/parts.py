"""Parts of the small networks: layers, and the frame around their middle."""

from torch import nn

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
