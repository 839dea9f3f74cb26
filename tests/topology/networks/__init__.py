"""One tiny network per topology. Widths are odd where they can be: an index that is off by one shows."""

import torch
from torch import nn

from . import attention, blocks, computed, joining, recurrent, sharing, space  # noqa: F401  (each lists its own)
from .registry import NETWORKS

__all__ = ["NETWORKS", "build"]


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
