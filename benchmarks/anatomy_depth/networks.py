"""The networks of torchvision that have branches, and the smallest images that each takes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.anatomy_zoo.networks import shake
from edgesynth.optional import torchvision

# From the smallest to the largest.
NAMES = (
    *("squeezenet1_1", "squeezenet1_0", "mnasnet0_5", "mobilenet_v3_small", "mnasnet0_75", "mobilenet_v2"),
    *("regnet_y_400mf", "mnasnet1_0", "efficientnet_b0", "regnet_x_400mf", "mobilenet_v3_large", "mnasnet1_3"),
    *("googlenet", "regnet_y_800mf", "regnet_x_800mf", "efficientnet_b1", "densenet121", "efficientnet_b2"),
    *("regnet_x_1_6gf", "regnet_y_1_6gf", "resnet18", "efficientnet_b3", "densenet169", "regnet_x_3_2gf"),
    *("efficientnet_b4", "regnet_y_3_2gf", "densenet201", "efficientnet_v2_s", "resnet34", "resnext50_32x4d"),
    *("resnet50", "inception_v3", "swin_t", "swin_v2_t", "convnext_tiny", "densenet161", "efficientnet_b5"),
    *("maxvit_t", "regnet_y_8gf", "regnet_x_8gf", "efficientnet_b6", "resnet101", "swin_s", "swin_v2_s"),
    *("convnext_small", "efficientnet_v2_m", "regnet_x_16gf", "resnet152", "efficientnet_b7", "wide_resnet50_2"),
    *("resnext101_64x4d", "regnet_y_16gf", "vit_b_16", "swin_b", "swin_v2_b", "vit_b_32", "convnext_base"),
    *("resnext101_32x8d", "regnet_x_32gf", "efficientnet_v2_l", "wide_resnet101_2", "regnet_y_32gf"),
    *("convnext_large", "vit_l_16", "vit_l_32", "vit_h_14", "regnet_y_128gf"),
)
# What each takes at least; every other network takes 32 pixels. Of a vision transformer, two patches by two.
PIXELS = {"inception_v3": 75, "maxvit_t": 224, "vit_b_16": 32, "vit_l_16": 32, "vit_b_32": 64, "vit_l_32": 64}
PIXELS["vit_h_14"] = 28
# Their auxiliary classifiers take larger images, and are dead in evaluation mode.
WITHOUT_AUXILIARY = ("googlenet", "inception_v3")


def build(name: str) -> nn.Module:
    """A network of `NAMES`, in evaluation mode, its weights random: the same at every call."""
    torch.manual_seed(0)
    options = {"weights": None}
    if name in WITHOUT_AUXILIARY:
        options.update(aux_logits=False, init_weights=False)
    if name.startswith("vit"):
        options.update(image_size=pixels(name))
    model: nn.Module = getattr(torchvision().models, name)(**options)
    shake(model, example(name, batch=4))
    return model.eval()


def pixels(name: str) -> int:
    """Height and width of the images that a network is given."""
    return PIXELS.get(name, 32)


def example(name: str, batch: int = 2) -> Tensor:
    """(batch, 3, H, W), float32."""
    return torch.randn(batch, 3, pixels(name), pixels(name), generator=torch.Generator().manual_seed(1))
