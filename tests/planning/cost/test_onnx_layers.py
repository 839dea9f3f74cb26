"""Kernels of an ONNX file: what TensorRT fuses is one, and what each of them computes and moves is counted."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgesynth.boards.probed import LayerShape
from edgesynth.errors import UserError
from edgesynth.planning.cost import layers_of, read_layers

from .sketch import Graph


def kinds(graph, *outputs):
    return [layer.kind for layer in layers_of(graph.model(*outputs))]


def test_a_convolution_takes_its_normalization_residual_and_activation_along():
    graph = Graph()
    x = graph.node("Relu", graph.conv("images", 3, 16))
    y = graph.node("BatchNormalization", graph.conv(x, 16, 16), *(graph.weight(16) for _ in range(4)))
    stem, block = layers_of(graph.model(graph.node("Relu", graph.node("Add", x, y))))
    assert (stem.kind, stem.macs, stem.weights) == ("winograd", 3 * 16 * 9 * 64, 3 * 16 * 9)
    assert (stem.reads, stem.writes) == (3 * 64, 16 * 64)
    # What it adds is what its windows read: it is not read twice.
    assert (block.macs, block.reads, block.writes) == (16 * 16 * 9 * 64, 16 * 64, 16 * 64)


def test_the_residual_of_another_branch_is_read_as_well():
    graph = Graph()
    left, right = graph.conv("images", 3, 16), graph.conv("images", 3, 16, kernel=1)
    first, second = layers_of(graph.model(graph.node("Add", left, right)))
    assert (first.reads, second.reads) == (3 * 64, 3 * 64 + 16 * 64)


def test_a_value_that_something_else_reads_too_ends_the_fusion():
    graph = Graph()
    x = graph.conv("images", 3, 16)
    silu = graph.node("Mul", x, graph.node("Sigmoid", x))
    _, elementwise = layers_of(graph.model(silu))
    assert (elementwise.kind, elementwise.reads, elementwise.writes) == ("elementwise", 16 * 64, 16 * 64)
    graph = Graph()
    x = graph.conv("images", 3, 16)
    assert kinds(graph, graph.node("Relu", x), x) == ["winograd", "elementwise"]


def test_convolutions_of_one_tensor_and_one_window_run_as_one_kernel():
    graph = Graph()
    x = graph.node("Relu", graph.conv("images", 3, 16))
    branches = [graph.node("Relu", graph.conv(x, 16, outputs, kernel=1)) for outputs in (8, 24)]
    _, both = layers_of(graph.model(graph.node("Concat", *branches, axis=1)))
    assert (both.columns, both.macs, both.reads, both.writes) == (32, 16 * 32 * 64, 16 * 64, 32 * 64)


def test_convolutions_that_differ_in_window_stride_or_activation_stay_apart():
    graph = Graph()
    outputs = [
        graph.node("Relu", graph.conv("images", 3, 8, kernel=1)),
        graph.conv("images", 3, 8, kernel=1),
        graph.conv("images", 3, 8, kernel=1, stride=2),
        graph.conv("images", 3, 8),
    ]
    assert kinds(graph, *outputs) == ["pointwise"] * 3 + ["winograd"]


def test_what_reads_a_concatenation_is_no_sibling_of_what_reads_its_first_part():
    graph = Graph()
    x = graph.node("Relu", graph.conv("images", 3, 16))
    joined = graph.node("Concat", x, graph.node("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4), axis=1)
    outputs = graph.conv(x, 16, 8, kernel=1), graph.conv(joined, 32, 8, kernel=1)
    assert kinds(graph, *outputs) == ["winograd", "pooling", "pointwise", "pointwise"]


@pytest.mark.parametrize(
    ("attributes", "kind", "columns"),
    [
        ({"kernel": 3}, "winograd", 16),
        ({"kernel": 3, "stride": 2}, "convolution", 16),
        ({"kernel": 3, "dilations": [2, 2]}, "convolution", 16),
        ({"kernel": 5}, "convolution", 16),
        ({"kernel": 1}, "pointwise", 16),
        ({"kernel": 3, "group": 16}, "depthwise", 1),
        ({"kernel": 3, "group": 4}, "convolution", 4),
    ],
)
def test_the_kind_of_a_convolution(attributes, kind, columns):
    graph = Graph((16, 8, 8))
    (layer,) = layers_of(graph.model(graph.conv("images", 16, 16, **attributes)))
    assert (layer.kind, layer.columns) == (kind, columns)


def test_a_transposed_convolution_computes_at_the_positions_of_its_input():
    graph = Graph((16, 8, 8))
    y = graph.node("ConvTranspose", "images", graph.weight(16, 4, 2, 2), strides=[2, 2])
    (layer,) = layers_of(graph.model(y))
    assert (layer.macs, layer.writes) == (16 * 4 * 4 * 64, 4 * 256)


def test_fully_connected_layers_flatten_for_free_and_take_their_activation_along():
    graph = Graph((4, 2, 2))
    flat = graph.node("Reshape", "images", graph.stored_ints([-1, 16]))
    y = graph.node("Relu", graph.node("Gemm", flat, graph.weight(10, 16), graph.weight(10), transB=1))
    (layer,) = layers_of(graph.model(y))
    assert (layer.kind, layer.macs, layer.weights, layer.reads, layer.writes) == ("linear", 160, 160, 16, 10)


def test_a_product_of_activations_has_no_weights_and_reads_both():
    graph = Graph((2, 5, 7))
    (_, layer) = layers_of(
        graph.model(graph.node("MatMul", "images", graph.node("Transpose", "images", perm=[0, 1, 3, 2])))
    )
    assert (layer.weights, layer.reads, layer.macs) == (0, 2 * 2 * 35, 2 * 5 * 5 * 7)


def test_a_product_with_a_stored_matrix_on_the_left_has_its_weights_and_its_depth():
    graph = Graph((16, 10))
    (layer,) = layers_of(graph.model(graph.node("MatMul", graph.weight(6, 16), "images")))
    assert (layer.weights, layer.reads, layer.macs) == (6 * 16, 160, 6 * 16 * 10)


def test_convolutions_that_differ_in_dilation_alone_stay_apart():
    graph = Graph((8, 32, 32))
    outputs = [
        graph.node("Conv", "images", graph.weight(4, 8, 3, 3), pads=[step] * 4, dilations=[step] * 2)
        for step in (1, 2, 4)
    ]
    assert kinds(graph, *outputs) == ["winograd", "convolution", "convolution"]


def test_quantization_costs_nothing_of_its_own():
    graph = Graph()
    scale, zero = graph.weight(), graph.stored_ints(0, "int8")
    x = graph.node("DequantizeLinear", graph.node("QuantizeLinear", "images", scale, zero), scale, zero)
    weight = graph.node("QuantizeLinear", graph.weight(16, 3, 3, 3), scale, zero)
    weight = graph.node("DequantizeLinear", weight, scale, zero)
    y = graph.node("Relu", graph.node("Conv", x, weight, pads=[1] * 4))
    z = graph.node("DequantizeLinear", graph.node("QuantizeLinear", y, scale, zero), scale, zero)
    (layer,) = layers_of(graph.model(z))
    assert (layer.kind, layer.macs) == ("winograd", 3 * 16 * 9 * 64)


def test_a_fixed_batch_counts_for_one_image():
    counted = []
    for batch in ("batch", 1, 4):
        graph = Graph(batch=batch)
        y = graph.node("GlobalAveragePool", graph.conv("images", 3, 16))
        counted.append([layer.to_json() for layer in layers_of(graph.model(y))])
    assert counted[0] == counted[1] == counted[2]


def test_a_shape_that_the_file_computes_is_computed():
    graph = Graph((16, 8, 8))
    half = graph.node(
        "Div", graph.node("Gather", graph.node("Shape", "images"), graph.stored_ints(1)), graph.stored_ints(2)
    )
    parts = [graph.stored_ints([-1]), graph.node("Unsqueeze", half, graph.stored_ints([0])), graph.stored_ints([8, 16])]
    folded = graph.node("Reshape", "images", graph.node("Concat", *parts, axis=0))
    (layer,) = layers_of(graph.model(graph.conv(folded, 8, 4)))
    assert (layer.reads, layer.writes, layer.rows) == (16 * 64, 4 * 128, 128)


@pytest.mark.parametrize(("op", "domain"), [("LSTM", ""), ("QLinearConv", ""), ("FusedConv", "com.microsoft")])
def test_arithmetic_that_is_not_counted_is_refused_not_left_out(op, domain):
    graph = Graph()
    with pytest.raises(UserError, match=rf"the arithmetic of {op}0 \({op}\) is not counted"):
        layers_of(graph.model(graph.node(op, "images", graph.weight(4, 4), domain=domain)))


def test_weights_that_lie_beside_the_file_are_not_read(tmp_path):
    graph = Graph()
    path = str(tmp_path / "m.onnx")
    model = graph.model(graph.conv("images", 3, 16))
    onnx.save(model, path, save_as_external_data=True, location="m.data", size_threshold=0)
    (tmp_path / "m.data").unlink()
    assert [layer.macs for layer in read_layers(path)] == [3 * 16 * 9 * 64]


def test_a_file_that_is_missing_or_no_onnx_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_layers(str(tmp_path / "none.onnx"))
    for content in (b"", b"not a model at all", b"\x00\xff" * 40):
        (tmp_path / "bad.onnx").write_bytes(content)
        with pytest.raises(UserError, match=r"bad\.onnx (is no|holds no) ONNX"):
            read_layers(str(tmp_path / "bad.onnx"))


def test_a_free_height_is_refused_by_name(tmp_path):
    graph = Graph(shape=(3, "height", 8))
    path = graph.save(tmp_path / "free.onnx", graph.conv("images", 3, 16))
    with pytest.raises(
        UserError, match=r"free\.onnx: input images has the shape .*'height'.*only the batch may be free"
    ):
        read_layers(path)


def test_a_computed_weight_is_refused_by_the_layer_that_has_it():
    graph = Graph((3, 3, 3), batch=1)
    with pytest.raises(UserError, match="the weight of Conv0 is computed, not stored"):
        layers_of(graph.model(graph.node("Conv", "images", "images")))


def test_layers_that_do_not_fit_together_are_refused():
    graph = Graph()
    with pytest.raises(UserError, match="Conv0 reads 3 channels and has weights for 5"):
        layers_of(graph.model(graph.conv("images", 5, 16)))
    graph = Graph()
    with pytest.raises(UserError, match="the shape of t0_0 cannot be inferred"):
        layers_of(graph.model(graph.node("MatMul", "images", graph.weight(9, 4))))


def test_the_shape_of_a_convolution_is_what_a_probe_must_agree_in():
    graph = Graph((16, 9, 8))
    wide = graph.conv("images", 16, 24, kernel=5, stride=2)
    (layer,) = layers_of(graph.model(wide))
    assert layer.shape == LayerShape("conv", 16, 1, (9, 8), (5, 5), (2, 2), (1, 1), (2, 2, 2, 2)) and layer.width == 24
    (layer,) = layers_of(graph_of_depthwise())
    assert layer.shape == LayerShape("depthwise", 1, 1, (9, 8), (3, 3), (1, 1), (1, 1), (1, 1, 1, 1))
    assert layer.width == 16


def graph_of_depthwise():
    graph = Graph((16, 9, 8))
    return graph.model(graph.conv("images", 16, 16, group=16))


@pytest.mark.parametrize("dims", [(), (16,), (16, 16), (16, 16, 3), (16, 16, 3, 3, 3)])
def test_a_convolution_whose_weight_has_other_axes_than_its_input_is_a_damaged_file(dims):
    graph = Graph((16, 8, 8))
    model = graph.model(graph.conv("images", 16, 16))
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones(dims, np.float32), "w0"))
    with pytest.raises(UserError, match=r"has a weight of . axes for an input of 4") as error:
        layers_of(model, "damaged.onnx")
    assert "export it again" in str(error.value)
