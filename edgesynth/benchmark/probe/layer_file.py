"""One layer as an ONNX file, between a layer that computes its input and one that pools its output.

Alone, a layer would be timed with what it never pays within a network: copies of its whole input and output, and their
turning from the file's layout into the engine's and back. So the file takes an image of one channel, spreads it by a
1x1 convolution, and pools what comes out; the same file without the layer, its frame, is what is subtracted.
"""

from typing import Optional

from edgesynth.benchmark.probe.onnx_writer import GraphWriter, LayerFile
from edgesynth.boards.probed import LayerShape
from edgesynth.boards.probed.shape import DEPTHWISE, LINEAR


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
    graph = GraphWriter(half)
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
    """A file that computes next to nothing: what a call of it takes, every call takes."""
    graph = GraphWriter(half)
    return graph.file(graph.node("Relu", [graph.image([batch, 1, 1, 1])]), [batch, 1, 1, 1])
