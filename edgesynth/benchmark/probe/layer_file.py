"""One layer as an ONNX file, between a layer that computes its input and one that pools its output.

Alone, a layer would be timed with what it never pays within a network: copies of its whole input and output, and their
turning from the file's layout into the engine's and back. So the file takes an image of one channel, spreads it by a
1x1 convolution, and pools what comes out; the same file without the layer, its frame, is what is subtracted.
"""

from typing import Any, List, NamedTuple, Optional, Sequence

import numpy as np

from edgesynth.boards.probed import LayerShape
from edgesynth.boards.probed.shape import DEPTHWISE, LINEAR
from edgesynth.files.protobuf import field

OPSET, IR = 13, 7

# Field numbers and values of onnx.proto.
_MODEL_IR, _MODEL_PRODUCER, _MODEL_GRAPH, _MODEL_OPSET, _OPSET_VERSION = 1, 2, 7, 8, 2
_GRAPH_NODE, _GRAPH_NAME, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 2, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OP, _NODE_ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_I, _ATTRIBUTE_INTS, _ATTRIBUTE_TYPE, _INT, _INTS = 1, 3, 8, 20, 2, 7
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW, _FLOAT, _FLOAT16 = 1, 2, 8, 9, 1, 10
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _ELEMENT, _SHAPE, _DIM, _DIM_VALUE = 1, 2, 1, 1, 2, 1, 1


class LayerFile(NamedTuple):
    """An ONNX file in memory.

    Attributes:
        content: its bytes.
        tensors: names of its input and of all that its nodes write.
    """

    content: bytes
    tensors: List[str]


def channels_of(shape: LayerShape, width: int) -> int:
    """Channels that a layer of a width reads; these and the shape's size determine the frame."""
    return width if shape.op == DEPTHWISE else shape.inputs * shape.groups


def layer_file(shape: LayerShape, width: Optional[int], channels: int, batch: int = 1, half: bool = False) -> LayerFile:
    """A layer in its frame, or the frame alone; weights are noise, always the same.

    Args:
        shape: of the layer.
        width: its output channels; None for the frame.
        channels: that it reads, from `channels_of`.
        batch: images per run.
        half: whether the types within are FP16; input and output are FP32 always.
    """
    graph = _Graph(half)
    if shape.op == LINEAR:
        spread = graph.node("Relu", [graph.image([batch, channels])])
        if width is None:
            return graph.file(spread, [batch, channels])
        weights = [graph.weight([width, channels]), graph.weight([width])]
        return graph.file(graph.node("Gemm", [spread] + weights, transB=1), [batch, width])
    rank = len(shape.window)
    image = graph.image([batch, 1] + list(shape.size))
    ones = [1] * rank
    tensor = graph.node(
        "Conv", [image, graph.weight([channels, 1] + ones), graph.weight([channels])], kernel_shape=ones
    )
    if width is not None:
        weights = [graph.weight([width, shape.inputs] + list(shape.window)), graph.weight([width])]
        tensor = graph.node(
            "Conv",
            [tensor] + weights,
            kernel_shape=shape.window,
            strides=shape.strides,
            dilations=shape.dilations,
            pads=shape.pads,
            group=width if shape.op == DEPTHWISE else shape.groups,
        )
        tensor = graph.node("Relu", [tensor])
    return graph.file(graph.node("GlobalAveragePool", [tensor]), [batch, channels if width is None else width] + ones)


def smallest_file(batch: int = 1, half: bool = False) -> LayerFile:
    """A file that computes next to nothing; its time is the cost of any call."""
    graph = _Graph(half)
    return graph.file(graph.node("Relu", [graph.image([batch, 1, 1, 1])]), [batch, 1, 1, 1])


class _Graph:
    """A graph that is written node by node."""

    def __init__(self, half: bool) -> None:
        self._half = half
        self._random = np.random.RandomState(0)
        self._message = field(_GRAPH_NAME, "probe")
        self._weights = 0
        self.tensors: List[str] = []

    def image(self, dims: Sequence[int]) -> str:
        """The input."""
        self._message += field(_GRAPH_INPUT, _value("images", dims))
        self.tensors.append("images")
        return self.node("Cast", ["images"], to=_FLOAT16) if self._half else "images"

    def weight(self, dims: Sequence[int]) -> str:
        """A stored tensor of noise that leaves values at their size."""
        name = "weight{}".format(self._weights)
        self._weights += 1
        fan_in = max(int(np.prod(dims[1:])), 1)
        values = self._random.standard_normal(tuple(dims)) / np.sqrt(fan_in)
        tensor = b"".join(field(_TENSOR_DIMS, int(length)) for length in dims)
        tensor += field(_TENSOR_TYPE, _FLOAT16 if self._half else _FLOAT) + field(_TENSOR_NAME, name)
        tensor += field(_TENSOR_RAW, values.astype("<f2" if self._half else "<f4").tobytes())
        self._message += field(_GRAPH_INITIALIZER, tensor)
        return name

    def node(self, op: str, inputs: Sequence[str], **attributes: Any) -> str:
        """A node; the name of what it writes."""
        written = "tensor{}".format(len(self.tensors))
        self.tensors.append(written)
        self._add(op, inputs, written, attributes)
        return written

    def file(self, last: str, dims: Sequence[int]) -> LayerFile:
        """The file whose output is the last tensor."""
        output = last
        if self._half:
            output = self.node("Cast", [last], to=_FLOAT)
        self._message += field(_GRAPH_OUTPUT, _value(output, dims))
        model = field(_MODEL_IR, IR) + field(_MODEL_PRODUCER, "edgesynth probe") + field(_MODEL_GRAPH, self._message)
        return LayerFile(model + field(_MODEL_OPSET, field(_OPSET_VERSION, OPSET)), self.tensors)

    def _add(self, op: str, inputs: Sequence[str], written: str, attributes: Any) -> None:
        node = b"".join(field(_NODE_INPUT, name) for name in inputs) + field(_NODE_OUTPUT, written)
        node += field(_NODE_NAME, "{} {}".format(op, written)) + field(_NODE_OP, op)
        for name, value in sorted(attributes.items()):
            attribute = field(_ATTRIBUTE_NAME, name)
            if isinstance(value, int):
                attribute += field(_ATTRIBUTE_I, value) + field(_ATTRIBUTE_TYPE, _INT)
            else:
                attribute += b"".join(field(_ATTRIBUTE_INTS, int(number)) for number in value)
                attribute += field(_ATTRIBUTE_TYPE, _INTS)
            node += field(_NODE_ATTRIBUTE, attribute)
        self._message += field(_GRAPH_NODE, node)


def _value(name: str, dims: Sequence[int]) -> bytes:
    shape = b"".join(field(_DIM, field(_DIM_VALUE, int(length))) for length in dims)
    tensor = field(_ELEMENT, _FLOAT) + field(_SHAPE, shape)
    return field(_VALUE_NAME, name) + field(_VALUE_TYPE, field(_TYPE_TENSOR, tensor))
