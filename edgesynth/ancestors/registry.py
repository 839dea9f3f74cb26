"""Ancestors by name: the table of them, and how one is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import nn

from edgesynth.ancestors.importing import import_network
from edgesynth.ancestors.in_process import registered_network
from edgesynth.ancestors.zoo.alexnet import alexnet_cifar
from edgesynth.ancestors.zoo.detectnet import detectnet, detectnet_small
from edgesynth.ancestors.zoo.lenet5 import lenet5, lenet5_relu
from edgesynth.ancestors.zoo.lraspp import lraspp_mobilenetv3_large, lraspp_mobilenetv3_small
from edgesynth.ancestors.zoo.mobilenet import mobilenet_v1, mobilenet_v1_cifar, mobilenet_v2_cifar
from edgesynth.ancestors.zoo.refinenet import refinenet_resnet34, refinenet_small
from edgesynth.ancestors.zoo.resnet_cifar import resnet20, resnet32, resnet44, resnet56
from edgesynth.ancestors.zoo.saliency import saliency_medium, saliency_small, saliency_vgg16
from edgesynth.ancestors.zoo.squeezenet import squeezenet_cifar
from edgesynth.ancestors.zoo.torchvision_classifiers import near_names, path_of, why_absent
from edgesynth.ancestors.zoo.vgg_cifar import vgg16_bn_cifar
from edgesynth.ancestors.zoo.yolov2 import tiny_yolov2, yolov2, yolov2_small
from edgesynth.errors import UserError
from edgesynth.object_registry import is_registered


class Known(NamedTuple):
    """An ancestor that has a name.

    Attributes:
        build: builds it, untrained; takes `num_classes`.
        input_shape: (C, H, W) of one input.
        torchvision: what torchvision calls the network that it has weights of, be it all of this one or its backbone.
    """

    build: Callable[..., nn.Module]
    input_shape: tuple[int, ...]
    torchvision: str = ""


ANCESTORS = {
    "detectnet": Known(detectnet, (3, 384, 384)),
    "detectnet-small": Known(detectnet_small, (3, 128, 128)),
    "alexnet-cifar": Known(alexnet_cifar, (3, 32, 32)),
    "lenet5": Known(lenet5, (1, 28, 28)),
    "lenet5-relu": Known(lenet5_relu, (1, 28, 28)),
    "lraspp-mobilenetv3-large": Known(lraspp_mobilenetv3_large, (3, 224, 224), "lraspp_mobilenet_v3_large"),
    "lraspp-mobilenetv3-small": Known(lraspp_mobilenetv3_small, (3, 64, 64), "mobilenet_v3_small"),
    "refinenet-resnet34": Known(refinenet_resnet34, (3, 256, 256), "resnet34"),
    "refinenet-small": Known(refinenet_small, (3, 64, 64)),
    "mobilenet-v1": Known(mobilenet_v1, (3, 224, 224)),
    "mobilenet-v1-cifar": Known(mobilenet_v1_cifar, (3, 32, 32)),
    "mobilenet-v2-cifar": Known(mobilenet_v2_cifar, (3, 32, 32), "mobilenet_v2"),
    "resnet20": Known(resnet20, (3, 32, 32)),
    "resnet32": Known(resnet32, (3, 32, 32)),
    "resnet44": Known(resnet44, (3, 32, 32)),
    "resnet56": Known(resnet56, (3, 32, 32)),
    "saliency-small": Known(saliency_small, (3, 64, 64)),
    "saliency-medium": Known(saliency_medium, (3, 64, 64)),
    "saliency-vgg16": Known(saliency_vgg16, (3, 256, 256), "vgg16_bn"),
    "tiny-yolov2": Known(tiny_yolov2, (3, 416, 416)),
    "yolov2": Known(yolov2, (3, 416, 416)),
    "yolov2-small": Known(yolov2_small, (3, 128, 128)),
    "squeezenet-cifar": Known(squeezenet_cifar, (3, 32, 32), "squeezenet1_1"),
    "vgg16-bn-cifar": Known(vgg16_bn_cifar, (3, 32, 32)),
}
PHOTOGRAPH = (3, 224, 224)  # what networks of unknown origin are most often made for


def build_ancestor(name: str, classes: int | None = None) -> nn.Module:
    """Build an untrained network.

    Args:
        name: one of `ANCESTORS`, or of torchvision's classifiers, such as `resnet18`, or `package.module:callable`; or
            what `register_network` returned.
        classes: outputs that it shall have, where it can be told; None leaves it its own number.

    Raises:
        UserError: there is no ancestor of that name, or it cannot be imported or built.
    """
    if is_registered(name):
        return registered_network(name)
    if name in ANCESTORS:
        return ANCESTORS[name].build(**({} if classes is None else {"num_classes": classes}))
    path = name if ":" in name else path_of(name)
    if path is None:
        raise _unknown(name)
    return import_network(path, classes)


def _unknown(name: str) -> UserError:
    ours, near = ", ".join(sorted(ANCESTORS)), near_names(name, ANCESTORS)
    near = f" (near it: {near})" if near else ""
    if absent := why_absent():
        return UserError(
            f"there is no ancestor {name!r} of edgesynth's own{near}, and it cannot be looked up among torchvision's "
            f"classifiers: {absent}. Its own are {ours}; package.module:callable is any other network"
        )
    return UserError(
        f"there is no ancestor {name!r}{near}; the ancestors are {ours}, the classifiers of torchvision.models by "
        "their names there, such as resnet18, and package.module:callable for any other network"
    )


def example_shape(name: str) -> tuple[int, ...]:
    """(1, C, H, W) of an input that `build_ancestor(name)` most likely takes: its own if known, else a photograph's."""
    return (1, *(ANCESTORS[name].input_shape if name in ANCESTORS else PHOTOGRAPH))
