"""INT8 for CPUs is exact on every processor: ONNX Runtime's own kernels here, and the saturating one emulated."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper

from edgesynth.errors import UserError
from edgesynth.export.calibration import observe
from edgesynth.export.int8.calibration_choice import Source, quantize_best
from edgesynth.export.int8.dialects import OnnxRuntimeCpu
from edgesynth.export.int8.int8 import quantize
from edgesynth.export.int8.learned import Scales
from edgesynth.export.int8.weight_forms import INT7, INT8, UINT8, check_target, exact_on, saturating_layers
from edgesynth.export.onnx.runtime import run_onnx
from tests.export.conftest import constants

MOST = 255  # of a uint8 activation
# {kind: (operator, shape of the weight, shape of one image, attributes)}
LAYERS = {
    "3x3": ("Conv", (16, 16, 3, 3), (16, 6, 6), {"pads": [1] * 4}),
    "1x1": ("Conv", (16, 16, 1, 1), (16, 6, 6), {}),
    "odd channels": ("Conv", (13, 11, 3, 3), (11, 6, 6), {}),
    "first": ("Conv", (16, 3, 7, 7), (3, 15, 15), {"strides": [2, 2]}),
    "one dimension": ("Conv", (16, 16, 3), (16, 9), {}),
    "grouped": ("Conv", (16, 4, 3, 3), (16, 6, 6), {"group": 4}),
    "depthwise": ("Conv", (16, 1, 3, 3), (16, 6, 6), {"group": 16}),
    "depthwise, odd": ("Conv", (13, 1, 5, 5), (13, 6, 6), {"group": 13}),
    "depthwise, two of each": ("Conv", (32, 1, 3, 3), (16, 6, 6), {"group": 16}),
    "linear": ("Gemm", (16, 64), (64,), {"transB": 1}),
    "linear, transposed": ("Gemm", (64, 16), (64,), {}),
    "tokens": ("MatMul", (64, 16), (5, 64), {}),
    "constant on the left": ("MatMul left", (16, 64), (64, 5), {}),
}
SATURATING = [kind for kind in LAYERS if kind not in ("depthwise", "depthwise, odd", "constant on the left")]
SCALE = 2.0**-4  # powers of two: fp32 is exact then, and so is the reference


def extreme(shape, seed=0):
    """A weight whose integers are the largest that there are, at a scale of a power of two in every row and column."""
    return np.random.default_rng(seed).choice([-127.0, 127.0, 127.0, 126.0], size=shape).astype(np.float32) * SCALE


def write_layer(path, kind):
    """A model of one layer, and images that reach the ends of the activations' range."""
    operator, shape, image, attributes = LAYERS[kind]
    weight = extreme(shape)
    inputs = ["w", "images"] if operator.endswith("left") else ["images", "w"]
    if operator == "Conv":
        attributes = {**attributes, "kernel_shape": list(shape[2:])}
    node = helper.make_node(operator.split()[0], inputs, ["y"], "layer", **attributes)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node],
        "layer",
        [value("images", onnx.TensorProto.FLOAT, ["batch", *image])],
        [value("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weight, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), str(path))
    images = np.random.default_rng(1).choice([0.0, MOST, MOST, MOST], size=(4, *image)).astype(np.float32)
    return images


def computed(path, images, optimized=True):
    """What ONNX Runtime gives: with its integer kernels, or each Q/DQ node by itself and the layer in fp32."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"images": images})[0]


def quantized(kind, folder, dialect, form):
    """The Q/DQ file of a layer, its images, and one level of its output."""
    images = write_layer(folder / "m.onnx", kind)
    most = float(np.abs(computed(folder / "m.onnx", images)).max())
    bounds = {"images": (0.0, float(MOST)), "y": (-most, most)}
    quantize(folder / "m.onnx", dialect, bounds, folder / "q.onnx", form=form)
    return folder / "q.onnx", images, 2 * most / 255


@pytest.mark.parametrize("form", OnnxRuntimeCpu().forms, ids=lambda form: form.name)
@pytest.mark.parametrize("kind", LAYERS)
def test_onnx_runtime_here_computes_every_layer_as_fp32_arithmetic_does(tmp_path, kind, form):
    path, images, level = quantized(kind, tmp_path, OnnxRuntimeCpu(), form)
    assert np.abs(computed(path, images) - computed(path, images, optimized=False)).max() <= 1.01 * level
    assert exact_on(onnx.load(str(path))) == "any"


@pytest.mark.parametrize("kind", SATURATING)
def test_files_for_vnni_alone_are_judged_exactly_on_any_machine_and_told_from_the_others(tmp_path, kind):
    path, images, level = quantized(kind, tmp_path, OnnxRuntimeCpu("vnni"), INT8)
    expected = computed(path, images, optimized=False)
    assert np.abs(run_onnx(path, torch.from_numpy(images)).numpy() - expected).max() <= 1.01 * level
    assert saturating_layers(onnx.load(str(path))) == ["layer"]
    assert exact_on(onnx.load(str(path))) == "vnni"
    with pytest.raises(UserError, match=r"^model.int8-cpu.onnx would be refused .*: layer has int8 weights of 8 bits"):
        OnnxRuntimeCpu().check(onnx.load(str(path)))


@pytest.mark.parametrize("kind", ["depthwise", "depthwise, odd"])
def test_a_depthwise_convolution_keeps_all_8_bits(tmp_path, kind):
    path, _, _ = quantized(kind, tmp_path, OnnxRuntimeCpu(), INT7)
    integers = constants(onnx.load(str(path)))["w_quantized"]
    assert (integers.dtype, np.abs(integers).max()) == (np.int8, 127)


def vpmaddubsw(activations, weights):
    """Sums of products as x86 with AVX2 or AVX-512 and without VNNI makes them: those of two saturate at 16 bits.

    Args:
        activations: (K,) uint8, K even.
        weights: (K,) int8.
    """
    products = activations.astype(np.int32) * weights.astype(np.int32)
    pairs = products.reshape(-1, 2).sum(axis=1).clip(-(2**15), 2**15 - 1)
    return int(pairs.sum())


@pytest.mark.parametrize(
    ("dialect", "form", "saturates"),
    [
        (OnnxRuntimeCpu(), INT7, False),
        (OnnxRuntimeCpu(), UINT8, False),
        (OnnxRuntimeCpu("vnni"), INT8, True),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_no_activations_make_what_is_shipped_saturate_in_the_kernel_without_vnni(tmp_path, dialect, form, saturates):
    path, _, _ = quantized("linear", tmp_path, dialect, form)
    values = constants(onnx.load(str(path)))
    weights, zero_point = values["w_quantized"], int(values["w_zero_point"].flat[0])
    assert {(True, 0), (False, 128)} >= {(weights.dtype == np.int8, zero_point)}
    wrong = 0
    for row in weights:
        for sign in (1, -1):  # the activations that are worst for this row
            activations = np.where(sign * row.astype(int) > 0, MOST, 0).astype(np.uint8)
            exact = int(activations.astype(int) @ row.astype(int))
            # uint8 weights are multiplied by vpmaddwd, which has 32 bits for a sum of two.
            found = vpmaddubsw(activations, row) if row.dtype == np.int8 else exact
            wrong += found != exact
    assert (wrong > 0) == saturates
    assert saturates or weights.dtype == np.uint8 or MOST * 2 * np.abs(weights.astype(int)).max() < 2**15


LEARNED = {8: np.uint8, 7: np.int8, 4: np.int8}  # {bits: how every processor computes such integers exactly}


@pytest.mark.parametrize("bits", LEARNED)
def test_learned_integers_are_written_as_they_are_and_in_uint8_where_int8_would_saturate(tmp_path, bits):
    write_layer(tmp_path / "m.onnx", "linear")
    model = onnx.load(str(tmp_path / "m.onnx"))
    integers = np.random.default_rng(2).integers(-(2 ** (bits - 1)) + 1, 2 ** (bits - 1), (16, 64))
    integers[:, 0] = 2 ** (bits - 1) - 1
    scales = np.linspace(0.01, 0.02, 16).astype(np.float32)
    weight = (integers * scales[:, None]).astype(np.float32)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "w"))
    onnx.save(model, str(tmp_path / "m.onnx"))
    bounds, learned = {"images": (0.0, 255.0), "y": (-9.0, 9.0)}, {"layer": Scales(1.0, scales)}
    for form in OnnxRuntimeCpu().forms:
        quantize(tmp_path / "m.onnx", OnnxRuntimeCpu(), bounds, tmp_path / "q.onnx", learned=learned, form=form)
        values = constants(onnx.load(str(tmp_path / "q.onnx")))
        written, zero_point = values["w_quantized"], values["w_zero_point"].astype(int)
        assert written.dtype == LEARNED[bits]
        assert np.array_equal(written.astype(int) - zero_point[:, None], integers)
        assert np.array_equal(values["w_scale"], scales)


def source_of(folder, scores):
    """A layer whose judge gives these scores, one after the other."""
    images = torch.from_numpy(write_layer(folder / "m.onnx", "linear")).repeat(250, 1)  # one of 1,000 is 0.1 points
    remaining = iter(scores)
    observed = observe(folder / "m.onnx", images)
    return Source(folder / "m.onnx", observed, len(images), images, lambda _: next(remaining), 90.0)


@pytest.mark.parametrize(
    ("scores", "method", "weights"),
    [
        ((90, 90, 90, 90, 90, 90, 90, 90), "minmax", "int7"),
        ((90, 91, 90, 90, 91.1, 90, 90, 91.05), "percentile-99.999", "int7"),
        ((90, 91, 90, 90, 90, 90, 91.2, 90), "percentile-99.99", "uint8"),
    ],
    ids=["equal", "a tie", "better"],
)
def test_of_methods_and_forms_the_most_accurate_is_kept_and_the_quicker_form_where_they_tie(
    tmp_path, scores, method, weights
):
    found = quantize_best(source_of(tmp_path, scores), OnnxRuntimeCpu(), tmp_path / "q.onnx", 100.0)
    assert (found.method, found.weights) == (method, weights)
    assert list(found.tried.values()) == list(scores)
    assert next(iter(found.tried)) == "minmax, int7"
    assert list(found.tried)[-1] == "entropy, uint8"
    integers = constants(onnx.load(str(tmp_path / "q.onnx")))["w_quantized"]
    assert integers.dtype == (np.int8 if weights == "int7" else np.uint8)


def test_for_vnni_alone_weights_have_8_bits_and_there_is_no_other_form(tmp_path):
    dialect = OnnxRuntimeCpu("vnni")
    found = quantize_best(source_of(tmp_path, (90, 90, 90, 90)), dialect, tmp_path / "q.onnx", 100.0)
    assert (found.weights, next(iter(found.tried))) == ("int8", "minmax")
    assert dialect.facts(tmp_path / "q.onnx") == {"exact_on": "vnni"}


def test_processors_that_there_are_no_forms_for_are_refused():
    with pytest.raises(UserError, match=r"^--int8-cpu-target is 'avx2'; give any .* or vnni"):
        check_target("avx2", int8=True)
    with pytest.raises(UserError, match=r"add --int8$"):
        check_target("vnni", int8=False)
    check_target("any", int8=False)
