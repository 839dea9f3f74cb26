"""YOLOv2 and tiny YOLOv2 (YOLO9000, arXiv 1612.08242; darknet's yolov2-voc.cfg and yolov2-tiny-voc.cfg).

The output is (N, 5 (5 + classes), H / stride, W / stride): for each of five anchors place, size, objectness, classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

ANCHORS = 5
LEAK = 0.1


def _layer(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(LEAK),
    )


def _stage(inputs: int, widths: Sequence[int]) -> nn.Sequential:
    """Convolutions of 3x3 and 1x1 in turn, as Darknet-19 has them."""
    before = (inputs, *widths)
    return nn.Sequential(*(_layer(before[place], width, 1 if place % 2 else 3) for place, width in enumerate(widths)))


class YoloV2(nn.Module):
    """Darknet-19 without its classifier, two convolutions more, and the passthrough.

    The passthrough brings what the last but one scale sees beside what the last one does: 64 channels of it, every
    second row and column as channels of their own.
    """

    size_multiple = 32

    def __init__(self, classes: int = 20) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            [
                _stage(3, (32,)),
                _stage(32, (64,)),
                _stage(64, (128, 64, 128)),
                _stage(128, (256, 128, 256)),
                _stage(256, (512, 256, 512, 256, 512)),
            ]
        )
        self.coarse = nn.Sequential(_stage(512, (1024, 512, 1024, 512, 1024)), _layer(1024, 1024), _layer(1024, 1024))
        self.passthrough = _layer(512, 64, 1)
        self.joined = _layer(1024 + 4 * 64, 1024)
        self.head = nn.Conv2d(1024, ANCHORS * (5 + classes), 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 5 (5 + classes), H / 32, W / 32) of images (N, 3, H, W); H and W are multiples of 32."""
        features = images
        for place, stage in enumerate(self.stages):
            features = stage(self.pool(features) if place else features)
        coarse = self.coarse(self.pool(features))
        fine = self.passthrough(features)
        quarters = [fine[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]
        return self.head(self.joined(torch.cat([*quarters, coarse], dim=1)))


class TinyYoloV2(nn.Module):
    """A chain of 3x3 convolutions with pooling between them.

    Args:
        widths: filters of the convolutions that are pooled to half.
        last: filters of those that follow.
        classes: how many there are.
        pooled: whether a pooling of stride 1 follows the last of `widths`, as in darknet.
    """

    def __init__(self, widths: Sequence[int], last: Sequence[int], classes: int = 20, pooled: bool = True) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(_layer(inputs, outputs) for inputs, outputs in zip((3, *widths), widths, strict=False))
        )
        self.last = nn.Sequential(
            *(_layer(inputs, outputs) for inputs, outputs in zip((widths[-1], *last), last, strict=False))
        )
        self.head = nn.Conv2d(last[-1], ANCHORS * (5 + classes), 1)
        self.pool = nn.MaxPool2d(2)
        # Darknet's pooling of stride 1 looks one pixel to the right and down.
        self.flat_pool = nn.MaxPool2d(2, stride=1, padding=1) if pooled else None
        self.size_multiple = 2 ** (len(widths) - pooled)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 5 (5 + classes), H / stride, W / stride) of images (N, 3, H, W)."""
        features = images
        for place, layer in enumerate(self.features):
            features = layer(features)
            if self.flat_pool is None or place + 1 < len(self.features):
                features = self.pool(features)
        if self.flat_pool is not None:
            features = self.flat_pool(features)[:, :, 1:, 1:]
        return self.head(self.last(features))


def yolov2(num_classes: int = 20) -> nn.Module:
    """For a GPU: 416x416 in darknet's training."""
    return YoloV2(num_classes)


def tiny_yolov2(num_classes: int = 20) -> nn.Module:
    """Nine convolutions, stride 32."""
    return TinyYoloV2((16, 32, 64, 128, 256, 512), (1024, 1024), num_classes)


def yolov2_small(num_classes: int = 20) -> nn.Module:
    """The same form with fewer filters, stride 16: for a CPU."""
    return TinyYoloV2((16, 32, 48, 64), (96, 96), num_classes, pooled=False)
