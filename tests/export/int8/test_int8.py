import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from edgesynth.errors import UserError
from edgesynth.export.calibration import METHODS, bounds_of, observe
from edgesynth.export.int8.calibration_choice import Source, quantize_best
from edgesynth.export.int8.dialects import OnnxRuntimeCpu, TensorRT
from edgesynth.export.int8.int8 import quantize
from edgesynth.export.onnx.onnx_file import strip_domains, to_onnx
from edgesynth.export.onnx.runtime import run_onnx
from tests.export.conftest import EMPTY_ROW, constants

TRT, CPU = "model.int8.onnx", "model.int8-cpu.onnx"
WEIGHTS = ("conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight")


@pytest.fixture(scope="module")
def tensorrt(exported):
    return onnx.load(str(exported.path / TRT))


@pytest.fixture(scope="module")
def cpu(exported):
    return onnx.load(str(exported.path / CPU))


def write(path, dialect, images, method, target, **options):
    quantize(path, dialect, bounds_of(observe(path, images), method), target, **options)


def nodes_of(model, *kinds):
    return [node for node in model.graph.node if node.op_type in kinds]


def axis_of(node):
    return next((item.i for item in node.attribute if item.name == "axis"), 1)


@pytest.mark.parametrize("file", [TRT, CPU])
def test_quantized_files_import_ai_onnx_13_alone(exported, file):
    model = onnx.load(str(exported.path / file))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 13)]
    assert model.ir_version == 7
    assert {node.domain for node in model.graph.node} == {""}


def test_tensorrt_has_a_pair_for_the_input_of_every_layer_and_its_weight(tensorrt):
    assert len(nodes_of(tensorrt, "QuantizeLinear")) == 8
    assert len(nodes_of(tensorrt, "DequantizeLinear")) == 8
    maker = {name: node.op_type for node in tensorrt.graph.node for name in node.output}
    for layer in nodes_of(tensorrt, "Conv", "Gemm"):
        assert [maker.get(name) for name in layer.input] == ["DequantizeLinear", "DequantizeLinear", None]


def test_tensorrt_zero_points_are_int8_zeros_and_scales_positive(tensorrt):
    values = constants(tensorrt)
    for node in nodes_of(tensorrt, "QuantizeLinear", "DequantizeLinear"):
        assert len(node.input) == 3
        scale, zero_point = values[node.input[1]], values[node.input[2]]
        assert zero_point.dtype == np.int8
        assert not zero_point.any()
        assert zero_point.shape == scale.shape
        assert (scale > 0).all()
        assert np.isfinite(scale).all()


def test_tensorrt_weights_are_per_channel_on_axis_0_and_activations_per_tensor(tensorrt):
    values = constants(tensorrt)
    per_channel = [node for node in nodes_of(tensorrt, "QuantizeLinear") if node.input[0] in WEIGHTS]
    assert sorted(node.input[0] for node in per_channel) == sorted(WEIGHTS)
    for node in per_channel:
        assert axis_of(node) == 0
        assert values[node.input[1]].shape == (len(values[node.input[0]]),)
    for node in nodes_of(tensorrt, "QuantizeLinear"):
        if node.input[0] not in WEIGHTS:
            assert values[node.input[1]].shape == ()


def test_tensorrt_has_nothing_between_a_convolution_and_its_relu(convnet, tmp_path):
    to_onnx(convnet, (1, 8, 8), tmp_path / "m.onnx")
    write(tmp_path / "m.onnx", TensorRT(), torch.randn(8, 1, 8, 8), "minmax", tmp_path / "q.onnx")
    model = onnx.load(str(tmp_path / "q.onnx"))
    reader = {name: node.op_type for node in model.graph.node for name in node.input}
    (conv,) = nodes_of(model, "Conv")
    assert reader[conv.output[0]] == "Relu"


def test_tensorrt_leaves_a_layer_whose_channels_are_on_axis_1(tmp_path):
    weight = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["images", "a"], ["h"], "plain"),
            helper.make_node("Gemm", ["h", "b"], ["logits"], "transposed", transB=1),
        ],
        "two",
        [helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["batch", 4])],
        [onnx.numpy_helper.from_array(weight, name) for name in ("a", "b")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), tmp_path / "m.onnx")
    write(tmp_path / "m.onnx", TensorRT(), torch.randn(8, 4), "minmax", tmp_path / "q.onnx")
    model = onnx.load(str(tmp_path / "q.onnx"))
    assert {node.input[0] for node in nodes_of(model, "QuantizeLinear")} == {"h", "b"}


def test_sparse_zeros_stay_zeros_after_quantization(tensorrt, pristine_run):
    values, weights = constants(tensorrt), pristine_run.load("g001-c0").weights
    for node in nodes_of(tensorrt, "QuantizeLinear"):
        if node.input[0] in WEIGHTS:
            weight, scale = values[node.input[0]], values[node.input[1]]
            quantized = np.rint(weight / scale.reshape(-1, *[1] * (weight.ndim - 1)))
            assert np.abs(quantized).max() <= 127
            assert not quantized[weights[node.input[0]].numpy() == 0].any()
    assert not values["fc1.weight"][EMPTY_ROW].any()


def test_sparse_zeros_are_zeros_in_the_integers_of_the_cpu_form(cpu, pristine_run):
    values, weights = constants(cpu), pristine_run.load("g001-c0").weights
    for name in WEIGHTS:
        written = values[f"{name}_quantized"]
        zero_points = set(values[f"{name}_zero_point"].tolist())
        assert zero_points == {0 if written.dtype == np.int8 else 128}
        integers = written.astype(int) - zero_points.pop()
        assert not integers[weights[name].numpy() == 0].any()
        assert np.abs(integers).max() >= (64 if written.dtype == np.int8 else 127)


def test_cpu_activations_are_uint8_with_a_zero_point(cpu):
    values = constants(cpu)
    zero_points = [values[node.input[2]] for node in nodes_of(cpu, "QuantizeLinear")]
    assert {zero_point.dtype for zero_point in zero_points} == {np.dtype(np.uint8)}
    assert any(zero_point.any() for zero_point in zero_points)


def test_cpu_weights_are_per_channel_on_axis_0(cpu):
    values = constants(cpu)
    pairs = [node for node in nodes_of(cpu, "DequantizeLinear") if node.input[0].removesuffix("_quantized") in WEIGHTS]
    assert len(pairs) == len(WEIGHTS)
    for node in pairs:
        assert axis_of(node) == 0
        assert values[node.input[1]].shape == values[node.input[0]].shape[:1]


@pytest.mark.parametrize(
    ("scores", "best"),
    [((90, 95, 93, 94), "percentile-99.999"), ((90, 90, 90, 90), "minmax"), ((1, 2, 3, 4), "entropy")],
)
def test_the_calibration_with_the_best_validation_score_is_kept(convnet, tmp_path, scores, best):
    model, target = tmp_path / "m.onnx", tmp_path / "q.onnx"
    to_onnx(convnet, (1, 8, 8), model)
    images = torch.randn(4000, 1, 8, 8, generator=torch.Generator().manual_seed(0)) ** 3
    remaining = iter(map(float, scores))
    source = Source(model, observe(model, images), 4000, images, lambda _: next(remaining), 90.0)
    found = quantize_best(source, TensorRT(), target, 100.0)
    assert (found.method, found.images, found.learned) == (best, 4000, 0)
    assert list(found.tried.values()) == list(scores)
    write(model, TensorRT(), images, best, tmp_path / "best.onnx")
    assert torch.equal(run_onnx(target, images), run_onnx(tmp_path / "best.onnx", images))
    for other in set(METHODS) - {best}:
        write(model, TensorRT(), images, other, tmp_path / "other.onnx")
        assert not torch.equal(run_onnx(target, images), run_onnx(tmp_path / "other.onnx", images))


def test_unused_domains_are_stripped_and_used_ones_are_not():
    node = helper.make_node("Odd", ["x"], ["y"], domain="org.odd")
    model = helper.make_model(
        helper.make_graph([node], "g", [], []),
        opset_imports=[helper.make_opsetid(name, 1) for name in ("", "com.microsoft", "org.odd", "ai.onnx.training")],
    )
    strip_domains(model)
    assert [entry.domain for entry in model.opset_import] == ["", "org.odd"]


def test_quantizing_prints_and_logs_nothing(convnet, tmp_path, capfd, caplog):
    to_onnx(convnet, (1, 8, 8), tmp_path / "m.onnx")
    write(tmp_path / "m.onnx", OnnxRuntimeCpu(), torch.randn(8, 1, 8, 8), "percentile-99.99", tmp_path / "q.onnx")
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def _zero_point(model, values):
    next(item for item in model.graph.initializer if item.name == values[2]).raw_data = b"\x05"


def _scale(model, values):
    next(item for item in model.graph.initializer if item.name == values[1]).raw_data = b"\0\0\0\0"


def _two_inputs(model, values):
    del next(node for node in model.graph.node if list(node.input) == values).input[2]


def _no_kernel_shape(model, values):
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    conv.attribute.remove(next(item for item in conv.attribute if item.name == "kernel_shape"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_zero_point, r"zero-point int8 5"),
        (_scale, r"a scale of 0\.0"),
        (_two_inputs, r"has no zero-point"),
        (_no_kernel_shape, r"has no kernel_shape"),
    ],
)
def test_what_tensorrt_would_refuse_is_refused_here(tensorrt, spoil, message):
    model = onnx.ModelProto()
    model.CopyFrom(tensorrt)
    activation = next(node for node in nodes_of(model, "QuantizeLinear") if node.input[0] == "images")
    spoil(model, list(activation.input))
    with pytest.raises(UserError, match=message):
        TensorRT().check(model)


def test_a_model_without_anything_to_quantize_is_refused(exported):
    with pytest.raises(UserError, match="no layer of it could be quantized"):
        TensorRT().check(onnx.load(str(exported.path / "model.onnx")))
    with pytest.raises(UserError, match="no layer of it could be quantized"):
        OnnxRuntimeCpu().check(onnx.load(str(exported.path / "model.onnx")))


def test_each_dialect_refuses_the_other(tensorrt, cpu):
    with pytest.raises(UserError, match="int8"):
        OnnxRuntimeCpu().check(tensorrt)
    with pytest.raises(UserError, match="zero-point"):
        TensorRT().check(cpu)
