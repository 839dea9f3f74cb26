"""What is read of a model without the package onnx is what onnx says of it."""

import onnx
import pytest
from onnx import TensorProto, helper

from edgesynth.benchmark.probe.model_layers import read_layers
from edgesynth.boards.probed import linear_shape
from edgesynth.errors import UserError
from edgesynth.planning.cost import layers_of
from tests.planning.cost.sketch import Graph


def network():
    graph = Graph((3, 17, 16))
    x = graph.node("Relu", graph.conv("images", 3, 16, kernel=5, stride=2))
    x = graph.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = graph.conv(x, 16, 16, group=16)
    x = graph.conv(x, 16, 24, group=4, dilations=[2, 2])
    x = graph.node("Flatten", graph.node("GlobalAveragePool", graph.conv(x, 24, 32, kernel=1)))
    x = graph.node("Gemm", x, graph.weight(20, 32), transB=1)
    return graph.model(graph.node("MatMul", x, graph.weight(20, 10)))


def save(model, path, infer=True):
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info(model.graph.output[0].name, TensorProto.FLOAT, None))
    onnx.save(onnx.shape_inference.infer_shapes(model) if infer else model, str(path))
    return str(path)


def test_shapes_and_widths_are_those_of_the_cost_model(tmp_path):
    model = network()
    found = read_layers(save(model, tmp_path / "m.onnx"))
    expected = [(layer.shape, layer.width) for layer in layers_of(model) if layer.shape is not None]
    assert len(expected) == 6 and found.left_out == []
    assert [(layer.shape, layer.width) for layer in found.layers] == expected
    assert expected[-2:] == [(linear_shape(32), 20), (linear_shape(20), 10)]


def test_a_file_that_does_not_tell_shapes_names_the_tensor_and_what_to_do(tmp_path):
    path = save(network(), tmp_path / "m.onnx", infer=False)
    with pytest.raises(UserError, match="does not tell the shape of t2_0, which Conv3 reads") as error:
        read_layers(path)
    assert "infer_shapes" in str(error.value)


def test_layers_that_cannot_be_probed_are_named_with_the_reason(tmp_path):
    graph = Graph((4, 8, 8))
    x = graph.conv("images", 4, 8)
    x = graph.node("ConvTranspose", x, graph.weight(8, 4, 2, 2), strides=[2, 2])
    x = graph.node("Conv", x, graph.weight(4, 4, 3, 3), auto_pad="SAME_UPPER")
    found = read_layers(save(graph.model(graph.node("MatMul", x, graph.weight(16, 3))), tmp_path / "m.onnx"))
    assert [layer.name for layer in found.layers] == ["Conv0"]
    assert found.left_out == [
        "ConvTranspose1: a transposed convolution",
        "Conv2: its padding is left to the engine (auto_pad)",
        "MatMul3: a product of more than one row for each image",
    ]


def test_a_model_without_layers_is_refused(tmp_path):
    graph = Graph()
    with pytest.raises(UserError, match="holds no convolution or linear layer"):
        read_layers(save(graph.model(graph.node("Relu", "images")), tmp_path / "m.onnx"))


def test_a_file_cut_off_anywhere_is_refused_in_one_line(tmp_path):
    path = tmp_path / "m.onnx"
    save(network(), path)
    content = path.read_bytes()
    lengths = range(0, len(content) - 20, 97)  # behind the graph stands only the opset
    refused = 0
    for length in lengths:
        path.write_bytes(content[:length])
        try:
            read_layers(str(path))
        except UserError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused == len(lengths)
