"""RefineNet (Lin et al., CVPR 2017, arXiv 1611.06612) on a residual network, as paper 5's line of work compares with.

The trunk gives features at 1/4, 1/8, 1/16 and 1/32 of the image's size. From the coarsest on, four blocks refine them;
each takes the features of its scale and what the coarser block gave:

    each input     two residual units (ReLU, 3x3, ReLU, 3x3, added to what came in)
    fusion         a 3x3 convolution each, the coarser brought to the size of the finer, added
    chained pooling   x = ReLU(x); twice: 5x5 pooling and a 3x3 convolution of what the last one pooled, added to x
    output         one residual unit

Two more residual units and a 3x3 convolution judge the finest, and its scores are brought up by 4. Convolutions of 3x3
bring the trunk's features to `widths`. Apart from the paper: the trunk has blocks of two convolutions (ResNet-34 and
smaller; within `trunk` the names are torchvision's), and batch normalization follows every convolution of the blocks,
which training from scratch needs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Two 3x3 convolutions around which the input goes, by a 1x1 convolution where its form differs (option B)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, features: Tensor) -> Tensor:
        """(N, outputs, H / stride, W / stride) of (N, inputs, H, W)."""
        inner = F.relu(self.bn1(self.conv1(features)))
        shortcut = features if self.downsample is None else self.downsample(features)
        return F.relu(self.bn2(self.conv2(inner)) + shortcut)


class Trunk(nn.Module):
    """A residual network (He et al., arXiv 1512.03385) without its classifier.

    Args:
        widths: channels of the four stages; the stem has those of the first.
        depths: blocks of each stage.
    """

    def __init__(self, widths: Sequence[int], depths: Sequence[int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        stages = []
        for place, (inputs, outputs, depth) in enumerate(zip((widths[0], *widths), widths, depths, strict=False)):
            first = Block(inputs, outputs, stride=2 if place else 1)
            stages.append(nn.Sequential(first, *(Block(outputs, outputs, 1) for _ in range(depth - 1))))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features at 1/4, 1/8, 1/16 and 1/32 of the size of images (N, 3, H, W), finest first."""
        features = F.max_pool2d(F.relu(self.bn1(self.conv1(images))), 3, 2, padding=1)
        scales = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            features = stage(features)
            scales.append(features)
        return scales


class ResidualUnit(nn.Module):
    """ReLU and 3x3 convolution, twice, added to what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = _convolution(width, width)
        self.conv2 = _convolution(width, width)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width, H, W) in and out."""
        return features + self.conv2(F.relu(self.conv1(F.relu(features))))


class Refine(nn.Module):
    """One RefineNet block.

    Args:
        inputs: channels of the trunk's features.
        width: channels inside and out.
        coarser: channels of the coarser block's; 0 for the first, which has none.
    """

    def __init__(self, inputs: int, width: int, coarser: int) -> None:
        super().__init__()
        self.adapt = nn.Sequential(_convolution(inputs, width), ResidualUnit(width), ResidualUnit(width))
        self.fine, self.coarse = None, None
        if coarser:
            self.fine = _convolution(width, width)
            units = (ResidualUnit(coarser), ResidualUnit(coarser))
            self.coarse = nn.Sequential(*units, _convolution(coarser, width))
        self.pool1, self.pool2 = _convolution(width, width), _convolution(width, width)
        self.output = ResidualUnit(width)

    def forward(self, features: Tensor, coarser: Tensor | None) -> Tensor:
        """(N, width, H, W) of (N, inputs, H, W) and (N, coarser, H / 2, W / 2)."""
        refined = self.adapt(features)
        if self.fine is not None and self.coarse is not None and coarser is not None:
            refined = self.fine(refined) + _larger(self.coarse(coarser), 2)
        refined = F.relu(refined)
        pooled = self.pool1(F.max_pool2d(refined, 5, 1, padding=2))
        refined = refined + pooled
        refined = refined + self.pool2(F.max_pool2d(pooled, 5, 1, padding=2))
        return self.output(refined)


class RefineNet(nn.Module):
    """A trunk, four blocks that refine its scales, and the judgment.

    Args:
        trunk: channels of the trunk's stages.
        depths: blocks of each of them.
        widths: channels of the refining blocks, finest first; the paper's are 256, 256, 256 and 512.
        classes: maps of scores that come out.
    """

    # Halved five times, and brought up again: only of such sizes do the scales fit each other.
    size_multiple = 32

    def __init__(self, trunk: Sequence[int], depths: Sequence[int], widths: Sequence[int], classes: int) -> None:
        super().__init__()
        self.trunk = Trunk(trunk, depths)
        coarser = (*widths[1:], 0)
        self.refine1, self.refine2, self.refine3, self.refine4 = (
            Refine(*each) for each in zip(trunk, widths, coarser, strict=True)
        )
        self.head = nn.Sequential(ResidualUnit(widths[0]), ResidualUnit(widths[0]))
        self.classifier = nn.Conv2d(widths[0], classes, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Scores (N, classes, H, W) of images (N, 3, H, W); H and W are multiples of 32."""
        quarter, eighth, sixteenth, coarsest = self.trunk(images)
        refined = self.refine4(coarsest, None)
        refined = self.refine3(sixteenth, refined)
        refined = self.refine2(eighth, refined)
        refined = self.refine1(quarter, refined)
        return _larger(self.classifier(self.head(refined)), 4)


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))


def _larger(maps: Tensor, times: int) -> Tensor:
    return F.interpolate(maps, scale_factor=float(times), mode="bilinear", align_corners=False)


def refinenet_resnet34(num_classes: int = 21) -> nn.Module:
    """ResNet-34's trunk, and the paper's widths halved: for a GPU."""
    return RefineNet((64, 128, 256, 512), (3, 4, 6, 3), (128, 128, 128, 256), num_classes)


def refinenet_small(num_classes: int = 21) -> nn.Module:
    """The same form with one block a stage and a quarter of the channels or fewer: for a CPU."""
    return RefineNet((16, 32, 48, 64), (1, 1, 1, 1), (32, 32, 32, 32), num_classes)
