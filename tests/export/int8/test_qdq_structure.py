"""Where Q and DQ stand in the TensorRT form of residual, concatenating, depthwise and squeeze-excite networks."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from edgesynth.export.calibration import bounds_of, observe
from edgesynth.export.int8.accuracy_guard import quantized_kinds
from edgesynth.export.int8.dialects import OnnxRuntimeCpu, TensorRT
from edgesynth.export.int8.int8 import quantize
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.export.onnx.runtime import run_onnx
from tests.export.conftest import constants

SHAPE = (4, 8, 8)


def conv(inputs, outputs, size=3, groups=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, padding=size // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)
    )


class Residual(nn.Module):
    """An identity shortcut, then one with a convolution of its own."""

    def __init__(self):
        super().__init__()
        self.stem, self.one, self.two = conv(4, 4), conv(4, 4), conv(4, 4)
        self.three, self.shortcut = conv(4, 8), conv(4, 8, 1)
        self.head = nn.Linear(8, 3)

    def forward(self, images):
        values = self.stem(images).relu()
        values = (values + self.two(self.one(values).relu())).relu()
        values = (self.three(values) + self.shortcut(values)).relu()
        return self.head(values.mean((2, 3)))


class Concatenated(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right, self.mix, self.head = conv(4, 3), conv(4, 5, 1), conv(8, 4, 1), nn.Linear(4, 3)

    def forward(self, images):
        values = torch.cat([self.left(images).relu(), self.right(images).relu()], 1)
        return self.head(self.mix(values).relu().mean((2, 3)))


class Depthwise(nn.Module):
    def __init__(self):
        super().__init__()
        self.wide, self.deep, self.narrow, self.head = conv(4, 8, 1), conv(8, 8, 3, 8), conv(8, 4, 1), nn.Linear(4, 3)

    def forward(self, images):
        values = self.narrow(nn.functional.relu6(self.deep(nn.functional.relu6(self.wide(images)))))
        return self.head((images + values).mean((2, 3)))


class SqueezeExcite(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.squeeze, self.excite = conv(4, 8), nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)
        self.head = nn.Linear(8, 3)

    def forward(self, images):
        values = self.conv(images).relu()
        gate = self.excite(self.squeeze(values.mean((2, 3), keepdim=True)).relu()).sigmoid()
        return self.head((values * gate).mean((2, 3)))


class Graph:
    """The quantized file, by who writes and who reads each tensor."""

    def __init__(self, model):
        self.model, self.values = model, constants(model)
        self.nodes = list(model.graph.node)
        self.maker = {name: node for node in self.nodes for name in node.output}
        self.reader = {}
        for node in self.nodes:
            for name in node.input:
                self.reader.setdefault(name, []).append(node)

    def of(self, *kinds):
        return [node for node in self.nodes if node.op_type in kinds]

    def made_by(self, name):
        return self.maker[name].op_type if name in self.maker else "input" if name not in self.values else "constant"

    def quantized_tensors(self):
        return sorted(self.made_by(node.input[0]) for node in self.of("QuantizeLinear"))


def exported(network, path):
    torch.manual_seed(0)
    model = network()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.running_mean)
    to_onnx(model.eval(), SHAPE, path)
    return model


@pytest.fixture
def graph(request, tmp_path):
    network = request.param
    exported(network, tmp_path / "m.onnx")
    images = torch.randn(64, *SHAPE, generator=torch.Generator().manual_seed(0))
    bounds = bounds_of(observe(tmp_path / "m.onnx", images), "minmax")
    quantize(tmp_path / "m.onnx", TensorRT(), bounds, tmp_path / "q.onnx")
    plain, int8 = (run_onnx(tmp_path / name, images) for name in ("m.onnx", "q.onnx"))
    assert 0 < (plain - int8).abs().max() < 0.1 * plain.abs().max()
    return Graph(onnx.load(str(tmp_path / "q.onnx")))


everywhere = pytest.mark.parametrize("graph", [Residual, Concatenated, Depthwise, SqueezeExcite], indirect=True)


@everywhere
def test_every_input_and_weight_of_a_layer_comes_from_a_pair_and_no_output_goes_into_one(graph):
    layers = graph.of("Conv", "Gemm")
    assert len(layers) >= 4
    for layer in layers:
        assert [graph.made_by(name) for name in layer.input[:2]] == ["DequantizeLinear"] * 2
        for name in layer.output:
            assert "QuantizeLinear" not in [node.op_type for node in graph.reader.get(name, [])] or _is_shortcut(
                graph, name
            )


def _is_shortcut(graph, name):
    """Of two convolutions that are added, the earlier one's output is quantized."""
    (q,) = graph.reader[name]
    (dq,) = graph.reader[q.output[0]]
    (add,) = graph.reader[dq.output[0]]
    return add.op_type == "Add"


@everywhere
def test_pairs_are_int8_symmetric_activations_per_tensor_weights_per_channel_on_axis_0(graph):
    for node in graph.of("QuantizeLinear", "DequantizeLinear"):
        scale, zero_point = graph.values[node.input[1]], graph.values[node.input[2]]
        assert zero_point.dtype == np.int8
        assert not zero_point.any()
        assert (scale > 0).all()
        source = graph.maker[node.input[0]].input[0] if node.op_type == "DequantizeLinear" else node.input[0]
        if source in graph.values:
            weight = graph.values[source]
            assert scale.shape == zero_point.shape == weight.shape[:1]
            assert next(item.i for item in node.attribute if item.name == "axis") == 0
            assert np.allclose(scale, np.abs(weight.reshape(len(weight), -1)).max(1) / 127, rtol=1e-5)
        else:
            assert scale.shape == ()


@everywhere
def test_normalization_is_folded_and_activations_follow_their_convolution_at_once(graph):
    assert not graph.of("BatchNormalization")
    for node in graph.of("Relu", "Clip"):
        assert graph.made_by(node.input[0]) in ("Conv", "Add")


@pytest.mark.parametrize("graph", [Residual], indirect=True)
def test_what_is_added_to_a_convolution_is_quantized_and_the_convolution_is_not(graph):
    identity, shortcut = graph.of("Add")
    for add in (identity, shortcut):
        assert sorted(graph.made_by(name) for name in add.input) == ["Conv", "DequantizeLinear"]

    def source(add):
        dq = next(graph.maker[name] for name in add.input if graph.made_by(name) == "DequantizeLinear")
        return graph.made_by(graph.maker[dq.input[0]].input[0])

    assert (source(identity), source(shortcut)) == ("Relu", "Conv")


@pytest.mark.parametrize("graph", [Depthwise], indirect=True)
def test_a_depthwise_weight_has_a_scale_for_each_channel(graph):
    (deep,) = [
        node for node in graph.of("Conv") if any(item.name == "group" and item.i == 8 for item in node.attribute)
    ]
    quantize_weight = graph.maker[graph.maker[deep.input[1]].input[0]]
    assert graph.values[quantize_weight.input[1]].shape == (8,)
    (add,) = graph.of("Add")
    assert sorted(graph.made_by(name) for name in add.input) == ["Conv", "DequantizeLinear"]


@pytest.mark.parametrize("graph", [Concatenated], indirect=True)
def test_a_concatenation_is_quantized_once_behind_it(graph):
    (concat,) = graph.of("Concat")
    assert [node.op_type for node in graph.reader[concat.output[0]]] == ["QuantizeLinear"]
    assert {graph.made_by(name) for name in concat.input} == {"Relu"}


@pytest.mark.parametrize("graph", [SqueezeExcite], indirect=True)
def test_the_gate_stays_in_floating_point(graph):
    (gate,) = graph.of("Mul")
    assert sorted(graph.made_by(name) for name in gate.input) == ["Relu", "Sigmoid"]


def test_layers_that_are_to_stay_in_floating_point_do_and_the_sum_behind_them_too(tmp_path):
    exported(Residual, tmp_path / "m.onnx")
    images = torch.randn(8, *SHAPE)
    bounds = bounds_of(observe(tmp_path / "m.onnx", images), "minmax")
    names = [node.name for node in onnx.load(str(tmp_path / "m.onnx")).graph.node if node.op_type == "Conv"]
    for dialect in (TensorRT(), OnnxRuntimeCpu()):
        quantize(tmp_path / "m.onnx", dialect, bounds, tmp_path / "q.onnx", floating=names[1:3])
        graph = Graph(onnx.load(str(tmp_path / "q.onnx")))
        for node in graph.of("Conv"):
            floating = node.name in names[1:3]
            assert (graph.made_by(node.input[1]) == "constant") == floating
    quantize(tmp_path / "m.onnx", TensorRT(), bounds, tmp_path / "q.onnx", floating=names[1:3])
    graph = Graph(onnx.load(str(tmp_path / "q.onnx")))
    identity = graph.of("Add")[0]
    assert sorted(graph.made_by(name) for name in identity.input) == ["Conv", "Relu"]


def test_sums_that_are_to_stay_in_floating_point_do(tmp_path):
    exported(Residual, tmp_path / "m.onnx")
    bounds = bounds_of(observe(tmp_path / "m.onnx", torch.randn(8, *SHAPE)), "minmax")
    quantize(tmp_path / "m.onnx", TensorRT(), bounds, tmp_path / "q.onnx")
    written = onnx.load(str(tmp_path / "q.onnx"))
    sums = quantized_kinds(written, {node.name for node in written.graph.node if node.op_type == "Add"})
    assert list(sums) == ["Add"]
    assert sums["Add"]
    quantize(tmp_path / "m.onnx", TensorRT(), bounds, tmp_path / "q.onnx", floating=sums["Add"])
    graph = Graph(onnx.load(str(tmp_path / "q.onnx")))
    assert all(graph.made_by(name) != "DequantizeLinear" for node in graph.of("Add") for name in node.input)
