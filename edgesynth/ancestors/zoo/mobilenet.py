"""MobileNetV1 (Howard et al., arXiv 1704.04861) and MobileNetV2 (Sandler et al., arXiv 1801.04381).

Both come in two forms: for photographs, halved five times, as published; and for 32x32 images, where the halvings that
would leave a single place are left out (V1: the first; V2: the first two), as is usual on CIFAR. V2's names are
torchvision's, so that its trained weights fit either form.
"""

from __future__ import annotations

from torch import Tensor, nn

V1_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
# expansion, outputs, blocks, stride of the first
V2_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
V2_LAST = 1280


class MobileNetV1(nn.Module):
    """A convolution, 13 pairs of a depthwise and a 1x1 convolution, a linear layer.

    4,231,976 parameters and 568.7 M MACs at 224x224 and 1,000 classes.

    Args:
        classes: width of the output.
        stem_stride: of the first convolution.
    """

    def __init__(self, classes: int, stem_stride: int) -> None:
        super().__init__()
        layers = [_layer(3, 32, 3, stem_stride, rectifier=nn.ReLU)]
        inputs = 32
        for outputs, stride in V1_BLOCKS:
            layers.append(_layer(inputs, inputs, 3, stride, groups=inputs, rectifier=nn.ReLU))
            layers.append(_layer(inputs, outputs, 1, rectifier=nn.ReLU))
            inputs = outputs
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(inputs, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 3, H, W)."""
        return self.classifier(self.features(images).mean((2, 3)))


class InvertedResidual(nn.Module):
    """1x1 that widens, depthwise 3x3, 1x1 that narrows and is not rectified; around it goes what is of one shape."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        layers: list[nn.Module] = [] if expansion == 1 else [_layer(inputs, width, 1)]
        layers += [
            _layer(width, width, 3, stride, groups=width),
            nn.Conv2d(width, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        self.conv = nn.Sequential(*layers)
        self.around = stride == 1 and inputs == outputs

    def forward(self, features: Tensor) -> Tensor:
        """(N, outputs, H / stride, W / stride) of (N, inputs, H, W)."""
        inner = self.conv(features)
        return features + inner if self.around else inner


class MobileNetV2(nn.Module):
    """A convolution, 17 inverted residual blocks, a 1x1 convolution, a linear layer.

    3,504,872 parameters and 300.8 M MACs at 224x224 and 1,000 classes.

    Args:
        classes: width of the output.
        unhalved: how many of the five halvings are left out, the first ones.
    """

    def __init__(self, classes: int, unhalved: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [_layer(3, 32, 3, 1 if unhalved else 2)]
        inputs, left = 32, unhalved - 1
        for expansion, outputs, blocks, stride in V2_STAGES:
            if stride == 2 and left > 0:
                stride, left = 1, left - 1
            for place in range(blocks):
                layers.append(InvertedResidual(inputs, outputs, 1 if place else stride, expansion))
                inputs = outputs
        layers.append(_layer(inputs, V2_LAST, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(V2_LAST, classes))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 3, H, W)."""
        return self.classifier(self.features(images).mean((2, 3)))


def _layer(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, rectifier: type[nn.Module] = nn.ReLU6
) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), rectifier())


def mobilenet_v1(num_classes: int = 1000) -> nn.Module:
    """MobileNetV1 for photographs, (3, 224, 224)."""
    return MobileNetV1(num_classes, stem_stride=2)


def mobilenet_v1_cifar(num_classes: int = 10) -> nn.Module:
    """MobileNetV1 for (3, 32, 32) images."""
    return MobileNetV1(num_classes, stem_stride=1)


def mobilenet_v2_cifar(num_classes: int = 10) -> nn.Module:
    """MobileNetV2 for (3, 32, 32) images."""
    return MobileNetV2(num_classes, unhalved=2)
