"""Small networks as ONNX files that tell their shapes."""

import onnx
from onnx import TensorProto, helper

from tests.planning.cost.sketch import Graph


def save(model, path):
    """Write a model with the shape of every tensor."""
    for output in model.graph.output:
        output.CopyFrom(helper.make_tensor_value_info(output.name, TensorProto.FLOAT, None))
    onnx.save(onnx.shape_inference.infer_shapes(model), str(path))
    return str(path)


def residual(path, blocks=2):
    """A stem, blocks of two convolutions with an addition around them, a slice and a pad at the end of the first, and
    the mean of each channel into a linear layer."""
    graph = Graph((3, 8, 8))
    x = graph.node("Relu", graph.conv("images", 3, 4))
    for block in range(blocks):
        inner = graph.node("Relu", graph.conv(x, 4, 6))
        inner = graph.conv(inner, 6, 4)
        around = x
        if not block:
            ends = [graph.stored_ints(values) for values in ([0], [3], [1], [1])]
            around = graph.node("Slice", x, *ends)
            around = graph.node("Pad", around, graph.stored_ints([0, 0, 0, 0, 0, 1, 0, 0]))
        x = graph.node("Relu", graph.node("Add", inner, around))
    x = graph.node("Flatten", graph.node("GlobalAveragePool", x))
    return save(graph.model(graph.node("Gemm", x, graph.weight(10, 4), transB=1)), path)


def separable(path):
    """A stem, a depthwise and a pointwise convolution, pooling, a softmax."""
    graph = Graph((3, 8, 8))
    x = graph.node("Relu", graph.conv("images", 3, 8, stride=2))
    x = graph.conv(x, 8, 8, group=8)
    x = graph.node("Relu", graph.conv(x, 8, 12, kernel=1))
    x = graph.node("Flatten", graph.node("MaxPool", x, kernel_shape=[4, 4]))
    x = graph.node("Gemm", x, graph.weight(5, 12), transB=1)
    return save(graph.model(graph.node("Softmax", x)), path)
