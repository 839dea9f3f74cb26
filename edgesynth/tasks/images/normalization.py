"""ImageNet's mean and deviation, which pretrained networks expect of their inputs."""

from __future__ import annotations

import torch
from torch import Tensor

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def normalized(pixels: Tensor) -> Tensor:
    """(N, 3, H, W) float32 of uint8 pixels."""
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    return (pixels / 255 - mean) / deviation
