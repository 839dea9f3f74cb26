"""The networks whose latencies were published, as ONNX files of shapes: weights have a size and no values.

Torchvision's are taken where they are the network that was measured. The others are drawn here after their definitions:
Caffe's bvlc_alexnet (grouped, with normalization across channels) and bvlc_googlenet (5x5 branches), TF-slim's
ResNet v1 (a stage's stride in its last unit), MobileNet v1 and Inception v4, and Darknet's YOLOv4.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper

from edgesynth.optional import torchvision


class Sketch:
    """An ONNX graph that is drawn layer by layer; every method takes and returns names of tensors."""

    def __init__(self, size: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.channels = {"images": 3}
        self.size = size

    def node(self, op: str, inputs: Sequence[str], channels: int, **attributes: object) -> str:
        """Any operator."""
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], name=f"{op}_{len(self.nodes)}", **attributes))
        self.channels[output] = channels
        return output

    def weight(self, *shape: int) -> str:
        """A stored tensor of that shape, float32, without values."""
        name = f"w{len(self.weights)}"
        self.weights.append(TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape))
        return name

    def conv(
        self,
        x: str,
        channels: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        groups: int = 1,
        same: bool = True,
        activation: str = "Relu",
    ) -> str:
        """A convolution with its bias and activation; its normalization is folded, as TensorRT does."""
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        pads = [(height - 1) // 2, (width - 1) // 2] * 2 if same else [0, 0, 0, 0]
        weight = self.weight(channels, self.channels[x] // groups, height, width)
        y = self.node("Conv", [x, weight], channels, strides=[stride] * 2, pads=pads, group=groups)
        if activation == "Mish":
            return self.node("Mul", [y, self.node("Tanh", [self.node("Softplus", [y], channels)], channels)], channels)
        return self.node(activation, [y], channels) if activation else y

    def linear(self, x: str, inputs: int, outputs: int, activation: str = "Relu") -> str:
        """A fully connected layer."""
        y = self.node("Gemm", [self.node("Flatten", [x], inputs), self.weight(inputs, outputs)], outputs)
        return self.node(activation, [y], outputs) if activation else y

    def pool(self, x: str, kernel: int, stride: int, pad: int = 0, op: str = "MaxPool", ceil: bool = True) -> str:
        """A pooling of windows; Caffe rounds its size up."""
        window = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4, "ceil_mode": int(ceil)}
        return self.node(op, [x], self.channels[x], **window)

    def op(self, op: str, *inputs: str, **attributes: object) -> str:
        """An operator that keeps the number of channels of its first input."""
        return self.node(op, inputs, self.channels[inputs[0]], **attributes)

    def concat(self, *inputs: str) -> str:
        """Channels beside channels."""
        return self.node("Concat", inputs, sum(self.channels[x] for x in inputs), axis=1)

    def save(self, outputs: Sequence[str], path: Path) -> None:
        """Write the file."""
        shape = ["batch", 3, self.size, self.size]
        graph = helper.make_graph(
            self.nodes,
            "sketch",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
            [helper.make_empty_tensor_value_info(name) for name in outputs],
            self.weights,
        )
        path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString())


def alexnet(net: Sketch) -> list[str]:
    """Caffe's bvlc_alexnet, 227 x 227."""
    x = net.conv("images", 96, 11, 4, same=False)
    x = net.pool(net.op("LRN", x, size=5), 3, 2)
    x = net.conv(x, 256, 5, groups=2)
    x = net.pool(net.op("LRN", x, size=5), 3, 2)
    x = net.conv(x, 384, 3)
    x = net.conv(x, 384, 3, groups=2)
    x = net.pool(net.conv(x, 256, 3, groups=2), 3, 2)
    x = net.linear(net.linear(x, 9216, 4096), 4096, 4096)
    return [net.op("Softmax", net.linear(x, 4096, 1000, activation=""))]


def googlenet(net: Sketch) -> list[str]:
    """Caffe's bvlc_googlenet without its auxiliary classifiers, 224 x 224."""
    x = net.pool(net.conv("images", 64, 7, 2), 3, 2)
    x = net.conv(net.conv(net.op("LRN", x, size=5), 64, 1), 192, 3)
    x = net.pool(net.op("LRN", x, size=5), 3, 2)
    widths = (
        (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), None,
        (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128), None,
        (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
    )  # fmt: skip
    for block in widths:
        if block is None:
            x = net.pool(x, 3, 2)
            continue
        width_1, narrowed_3, width_3, narrowed_5, width_5, width_pooled = block
        x = net.concat(
            net.conv(x, width_1, 1),
            net.conv(net.conv(x, narrowed_3, 1), width_3, 3),
            net.conv(net.conv(x, narrowed_5, 1), width_5, 5),
            net.conv(net.pool(x, 3, 1, pad=1), width_pooled, 1),
        )
    return [net.op("Softmax", net.linear(net.op("GlobalAveragePool", x), 1024, 1000, activation=""))]


def resnet_v1(net: Sketch, units: tuple[int, int, int, int]) -> list[str]:
    """TF-slim's ResNet v1 of bottlenecks, 224 x 224: the stride of a stage is in its last unit."""
    x = net.pool(net.conv("images", 64, 7, 2), 3, 2, pad=1, ceil=False)
    for stage, count in enumerate(units):
        width = 64 << stage
        for unit in range(count):
            stride = 2 if unit == count - 1 and stage < 3 else 1
            y = net.conv(net.conv(x, width, 1), width, 3, stride)
            y = net.conv(y, 4 * width, 1, activation="")
            if unit == 0:
                shortcut = net.conv(x, 4 * width, 1, stride, activation="")
            else:
                shortcut = x if stride == 1 else net.pool(x, 1, stride, ceil=False)
            x = net.op("Relu", net.op("Add", shortcut, y))
    return [net.linear(net.op("GlobalAveragePool", x), 2048, 1000, activation="")]


def mobilenet_v1(net: Sketch, width: float) -> list[str]:
    """TF-slim's MobileNet v1, with the activation that was measured: relu6 as relu(x) - relu(x - 6)."""

    def relu6(y: str) -> str:
        return net.op("Sub", net.op("Relu", y), net.op("Relu", net.op("Sub", y, net.weight(1))))

    x = relu6(net.conv("images", int(32 * width), 3, 2, activation=""))
    strides = dict(enumerate((64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)))
    for unit, channels in strides.items():
        stride = 2 if unit in (1, 3, 5, 11) else 1
        x = relu6(net.conv(x, net.channels[x], 3, stride, groups=net.channels[x], activation=""))
        x = relu6(net.conv(x, int(channels * width), 1, activation=""))
    return [net.linear(net.op("GlobalAveragePool", x), net.channels[x], 1001, activation="")]


def inception_v4(net: Sketch) -> list[str]:
    """TF-slim's Inception v4 without its auxiliary classifier, 299 x 299."""
    conv, pool, concat = net.conv, functools.partial(net.pool, ceil=False), net.concat

    def average(x: str) -> str:
        return pool(x, 3, 1, pad=1, op="AveragePool")

    def chain(x: str, *layers: tuple) -> str:
        for channels, kernel in layers:
            x = conv(x, channels, kernel)
        return x

    x = conv(conv(conv("images", 32, 3, 2, same=False), 32, 3, same=False), 64, 3)
    x = concat(pool(x, 3, 2), conv(x, 96, 3, 2, same=False))
    x = concat(
        conv(conv(x, 64, 1), 96, 3, same=False),
        conv(chain(x, (64, 1), (64, (1, 7)), (64, (7, 1))), 96, 3, same=False),
    )
    x = concat(conv(x, 192, 3, 2, same=False), pool(x, 3, 2))
    for _ in range(4):
        x = concat(
            conv(x, 96, 1), chain(x, (64, 1), (96, 3)), chain(x, (64, 1), (96, 3), (96, 3)), conv(average(x), 96, 1)
        )
    x = concat(conv(x, 384, 3, 2, same=False), conv(chain(x, (192, 1), (224, 3)), 256, 3, 2, same=False), pool(x, 3, 2))
    for _ in range(7):
        x = concat(
            conv(x, 384, 1),
            chain(x, (192, 1), (224, (1, 7)), (256, (7, 1))),
            chain(x, (192, 1), (192, (7, 1)), (224, (1, 7)), (224, (7, 1)), (256, (1, 7))),
            conv(average(x), 128, 1),
        )
    x = concat(
        conv(conv(x, 192, 1), 192, 3, 2, same=False),
        conv(chain(x, (256, 1), (256, (1, 7)), (320, (7, 1))), 320, 3, 2, same=False),
        pool(x, 3, 2),
    )
    for _ in range(3):
        short = conv(x, 384, 1)
        long = chain(x, (384, 1), (448, (3, 1)), (512, (1, 3)))
        x = concat(
            conv(x, 256, 1),
            concat(conv(short, 256, (1, 3)), conv(short, 256, (3, 1))),
            concat(conv(long, 256, (1, 3)), conv(long, 256, (3, 1))),
            conv(average(x), 256, 1),
        )
    return [net.linear(net.op("GlobalAveragePool", x), 1536, 1001, activation="")]


def yolov4(net: Sketch) -> list[str]:
    """Darknet's YOLOv4 up to its three heads, 80 classes: CSPDarknet53, pyramid pooling, path aggregation."""
    mish = functools.partial(net.conv, activation="Mish")
    leaky = functools.partial(net.conv, activation="LeakyRelu")

    def five(x: str, channels: int) -> str:
        for turn in range(5):
            x = leaky(x, channels * (1 + turn % 2), 1 + 2 * (turn % 2))
        return x

    def up(x: str, lateral: str, channels: int) -> str:
        scales = helper.make_tensor(f"scales{len(net.weights)}", TensorProto.FLOAT, [4], [1.0, 1.0, 2.0, 2.0])
        net.weights.append(scales)
        wide = net.node("Resize", [leaky(x, channels, 1), "", scales.name], channels, mode="nearest")
        return five(net.concat(leaky(lateral, channels, 1), wide), channels)

    def head(x: str, channels: int) -> str:
        return net.conv(leaky(x, channels, 3), 255, 1, activation="")

    x, laterals = mish("images", 32, 3), []
    for stage, count in enumerate((1, 2, 8, 8, 4)):
        width = 64 << stage
        x = mish(x, width, 3, 2)
        half = width if stage == 0 else width // 2
        shortcut, y = mish(x, half, 1), mish(x, half, 1)
        for _ in range(count):
            y = net.op("Add", y, mish(mish(y, width // 2, 1), half, 3))
        x = mish(net.concat(mish(y, half, 1), shortcut), width, 1)
        laterals.append(x)
    x = leaky(leaky(leaky(x, 512, 1), 1024, 3), 512, 1)
    x = net.concat(*(net.pool(x, size, 1, pad=size // 2, ceil=False) for size in (13, 9, 5)), x)
    bottom = leaky(leaky(leaky(x, 512, 1), 1024, 3), 512, 1)
    middle = up(bottom, laterals[3], 256)
    top = up(middle, laterals[2], 128)
    middle = five(net.concat(leaky(top, 256, 3, 2), middle), 256)
    bottom = five(net.concat(leaky(middle, 512, 3, 2), bottom), 512)
    return [head(top, 256), head(middle, 512), head(bottom, 1024)]


# Name: side of the image, and how it is drawn; None where torchvision has the very network.
NETWORKS: dict[str, tuple[int, Callable[[Sketch], list[str]] | None]] = {
    "alexnet": (227, alexnet),
    "googlenet": (224, googlenet),
    "inception_v1": (224, None),
    "inception_v3": (299, None),
    "inception_v4": (299, inception_v4),
    "mobilenet_v1_0.25_128": (128, lambda net: mobilenet_v1(net, 0.25)),
    "mobilenet_v1_0.5_160": (160, lambda net: mobilenet_v1(net, 0.5)),
    "mobilenet_v1_1.0_224": (224, lambda net: mobilenet_v1(net, 1.0)),
    "resnet_v1_50": (224, lambda net: resnet_v1(net, (3, 4, 6, 3))),
    "resnet_v1_101": (224, lambda net: resnet_v1(net, (3, 4, 23, 3))),
    "resnet_v1_152": (224, lambda net: resnet_v1(net, (3, 8, 36, 3))),
    "squeezenet1_0": (227, None),
    "squeezenet1_1": (227, None),
    "vgg16": (224, None),
    "vgg19": (224, None),
    "yolov4_320": (320, yolov4),
    "yolov4_416": (416, yolov4),
    "yolov4_512": (512, yolov4),
    "yolov4_608": (608, yolov4),
    "resnet18_256": (256, None),
    "resnet34_256": (256, None),
    "resnet50_256": (256, None),
}
# Slim's Inception v1 has 3x3 where Caffe's GoogLeNet has 5x5: that is the network that torchvision calls googlenet.
_TORCHVISION = {"inception_v1": "googlenet"}


def write_network(name: str, folder: Path) -> Path:
    """Write a network of `NETWORKS` as ONNX.

    Args:
        name: its name.
        folder: where the file goes.

    Returns:
        The file.
    """
    size, draw = NETWORKS[name]
    path = folder / f"{name}.onnx"
    if draw is not None:
        net = Sketch(size)
        net.save(draw(net), path)
        return path
    known = _TORCHVISION.get(name, name.removesuffix("_256"))
    options = {"aux_logits": False, "init_weights": False} if known in ("googlenet", "inception_v3") else {}
    model = getattr(torchvision().models, known)(weights=None, **options).eval()
    stream = io.BytesIO()
    torch.onnx.export(model, (torch.zeros(1, 3, size, size),), stream, dynamo=False, opset_version=13)
    traced = onnx.load_model_from_string(stream.getvalue())
    for weight in traced.graph.initializer:
        if len(weight.raw_data) > 1024:
            weight.ClearField("raw_data")
    path.write_bytes(traced.SerializeToString())
    return path
