"""The networks of the zoo, and weights that make a proof mean something."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from edgesynth.ancestors import build_ancestor
from edgesynth.optional import torchvision

QUICK = (
    "resnet18",
    "mobilenet_v2",
    "squeezenet1_1",
    "shufflenet_v2_x0_5",
    "mobilenet_v3_small",
    "mnasnet0_5",
    "efficientnet_b0",
    "regnet_y_400mf",
    "googlenet",
    "densenet121",
    "swin_t",
    "segmentation/lraspp_mobilenet_v3_large",
)
# Torch-Pruning's own examples build these without their auxiliary classifiers, which are dead in evaluation mode.
WITHOUT_AUXILIARY = {"googlenet", "inception_v3"}


def names() -> list[str]:
    """Every classification and segmentation network of torchvision, and detection models' backbones."""
    models = torchvision().models
    classification = models.list_models(module=models)
    segmentation = models.list_models(module=models.segmentation)
    return [*classification, *(f"segmentation/{name}" for name in segmentation), *BACKBONES]


def build(name: str) -> nn.Module:
    """A network of `names`, in evaluation mode, its weights random: the same at every call."""
    torch.manual_seed(0)
    if name in BACKBONES:
        model = BACKBONES[name]()
    elif name in WITHOUT_AUXILIARY:
        model = getattr(torchvision().models, name)(weights=None, aux_logits=False, init_weights=False)
    else:
        model = build_ancestor(f"torchvision.models{'.segmentation' * name.startswith('seg')}:{name.split('/')[-1]}")
    shake(model, example(name, batch=2))
    return model.eval()


def example(name: str, batch: int = 1) -> Tensor:
    """(batch, 3, H, W), float32: 224 x 224, and for the two that are made for another size 299 or 300."""
    size = {"inception_v3": 299, "detection/ssd300_vgg16": 300}.get(name, 224)
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(1))


def shake(model: nn.Module, images: Tensor) -> None:
    """Move everything that initialization leaves at zero or one, where a wrong removal could hide.

    Biases, normalization, scales and constant parameters are drawn at random; the running statistics of batch
    normalization are those of one batch, so that activations neither die nor explode, and then moved by up to 20 %.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            constant = bool((parameter == parameter.flatten()[0]).all())
            if name.endswith("bias"):
                parameter.normal_(std=0.1)
            elif parameter.dim() == 1 or "scale" in name:
                parameter.uniform_(0.5, 1.5)
            elif constant:
                parameter.normal_(std=0.1)
        norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        if norms:
            momenta = [norm.momentum for norm in norms]
            for norm in norms:
                norm.reset_running_stats()
                norm.momentum = None  # the average over all batches: here, the one
            model.train()(images)
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum
                mean, variance = norm.running_mean, norm.running_var
                if mean is not None and variance is not None:
                    mean.add_(0.2 * variance.sqrt() * torch.randn_like(mean))
                    variance.mul_(torch.empty_like(variance).uniform_(0.8, 1.2))


def _resnet_fpn(depth: int) -> nn.Module:
    return torchvision().models.detection.backbone_utils.resnet_fpn_backbone(
        backbone_name=f"resnet{depth}", weights=None, norm_layer=nn.BatchNorm2d, trainable_layers=5
    )


def _mobilenet(fpn: bool) -> nn.Module:
    return torchvision().models.detection.backbone_utils.mobilenet_backbone(
        backbone_name="mobilenet_v3_large", weights=None, fpn=fpn, norm_layer=nn.BatchNorm2d, trainable_layers=6
    )


def _ssd() -> nn.Module:
    return torchvision().models.detection.ssd300_vgg16(weights=None, weights_backbone=None).backbone


def _ssdlite() -> nn.Module:
    return torchvision().models.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None).backbone


BACKBONES: dict[str, Callable[[], nn.Module]] = {
    "detection/resnet18_fpn": lambda: _resnet_fpn(18),
    "detection/resnet50_fpn": lambda: _resnet_fpn(50),
    "detection/mobilenet_v3_large_fpn": lambda: _mobilenet(True),
    "detection/mobilenet_v3_large": lambda: _mobilenet(False),
    "detection/ssd300_vgg16": _ssd,
    "detection/ssdlite320_mobilenet_v3_large": _ssdlite,
}
