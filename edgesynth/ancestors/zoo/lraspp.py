"""LR-ASPP on MobileNetV3, the light network for segmentation of torchvision (Howard et al., arXiv 1905.02244, 6.4).

One map of scores from the coarsest features, gated by what the whole image looks like, and one from finer ones are
added at an eighth of the image's size and brought up to it. The names of its weights are those of torchvision's
`lraspp_mobilenet_v3_large`; nothing is downloaded to build it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from edgesynth.optional import torchvision

FINE = 2  # block of MobileNetV3-Small whose output, at an eighth of the image's size, is the finer one
FINE_CHANNELS, COARSE_CHANNELS = 24, 576
STRIDE = 8  # of the finer features


class Lraspp(nn.Module):
    """Backbone and head of a torchvision `LRASPP`, which itself gives a dictionary, as a network of one tensor."""

    # The coarser features are half as large as the finer ones: only of such sizes are they exactly so.
    size_multiple = 16

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.backbone: nn.Module = network.backbone
        self.classifier = Head(network.classifier)

    def forward(self, images: Tensor) -> Tensor:
        """Scores (N, classes, H, W) of images (N, 3, H, W); H and W are multiples of 16."""
        maps = self.classifier(self.backbone(images))
        return _larger(maps, STRIDE)


class Head(nn.Module):
    """The head of a torchvision `LRASPP` for features of known proportion: it asks no tensor for its size.

    As torchvision has it, ONNX files compute the size that they enlarge to when they run.
    """

    def __init__(self, head: Any) -> None:
        super().__init__()
        self.cbr: nn.Module = head.cbr
        self.scale: nn.Module = head.scale
        self.low_classifier: nn.Module = head.low_classifier
        self.high_classifier: nn.Module = head.high_classifier

    def forward(self, features: dict[str, Tensor]) -> Tensor:
        """Scores (N, classes, H / 8, W / 8) of the two outputs of a backbone."""
        gated = self.cbr(features["high"]) * self.scale(features["high"])
        return self.low_classifier(features["low"]) + self.high_classifier(_larger(gated, 2))


class Features(nn.Module):
    """Blocks of a backbone, of which two outputs count: that of `FINE` and the last."""

    def __init__(self, blocks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """{low: (N, 24, H / 8, W / 8), high: (N, 576, H / 16, W / 16)}."""
        fine = coarse = images
        for place, block in enumerate(self.blocks):
            coarse = block(coarse)
            if place == FINE:
                fine = coarse
        return {"low": fine, "high": coarse}


def _larger(maps: Tensor, times: int) -> Tensor:
    return F.interpolate(maps, scale_factor=float(times), mode="bilinear", align_corners=False)


def lraspp_mobilenetv3_large(num_classes: int = 21) -> nn.Module:
    """As torchvision builds it: 3.2 M parameters."""
    torchvision()
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    return Lraspp(lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=num_classes))


def lraspp_mobilenetv3_small(num_classes: int = 21) -> nn.Module:
    """The same head on MobileNetV3-Small: 1.1 M parameters, for a CPU."""
    torchvision()
    from torchvision.models import mobilenet_v3_small
    from torchvision.models.segmentation import LRASPP

    features = Features(mobilenet_v3_small(weights=None, dilated=True).features)
    return Lraspp(LRASPP(features, FINE_CHANNELS, COARSE_CHANNELS, num_classes))
