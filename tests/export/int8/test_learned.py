"""Scales that training found, in the ONNX file of the network that learned them."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from edgesynth.evolution import evolve
from edgesynth.export import export_individual
from edgesynth.export.calibration import bounds_of, observe
from edgesynth.export.int8.dialects import OnnxRuntimeCpu, TensorRT
from edgesynth.export.int8.int8 import quantize
from edgesynth.export.int8.learned import floating_layers, learned_scales, with_learned
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.export.onnx.runtime import run_onnx
from edgesynth.lineage import resolve, species
from edgesynth.quantization import Quantizers, quantize_inputs
from edgesynth.tasks import load_task
from tests.export.conftest import constants

SHAPE = (3, 8, 8)


def network():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.Flatten(), nn.Linear(96, 4)
    )
    nn.init.uniform_(model[1].weight, -2, 2)  # a negative factor turns a folded row around
    nn.init.uniform_(model[1].running_var, 0.5, 2)
    return model.eval()


@pytest.fixture
def images():
    return torch.randn(64, *SHAPE, generator=torch.Generator().manual_seed(1))


def settled(model, precision, images):
    """Scales of a network that has seen the images once; its weights are rounded then."""
    quantizers = Quantizers(model, precision)
    return quantizers.settle(lambda: images)


PRECISION = {"0.weight": "int8", "3.weight": "int8", "5.weight": "int8"}


def test_the_scales_in_the_file_are_the_learned_ones_times_what_normalization_folds_in(images, tmp_path):
    model = network()
    scales = settled(model, PRECISION, images)
    to_onnx(model, SHAPE, tmp_path / "m.onnx")
    plain = onnx.load(str(tmp_path / "m.onnx"))
    found = list(learned_scales(plain, model, PRECISION, scales).values())
    assert [one.input for one in found] == pytest.approx([scales[f"{layer}.input_scale"].item() for layer in "035"])
    factor = (model[1].weight / (model[1].running_var + model[1].eps).sqrt()).abs().detach().numpy()
    assert np.allclose(found[0].weight, factor * scales["0.weight_scale"].numpy(), rtol=1e-4)
    assert np.allclose(found[1].weight, scales["3.weight_scale"].numpy(), rtol=1e-5)


@pytest.mark.parametrize("dialect", [TensorRT(), OnnxRuntimeCpu()], ids=lambda one: one.key)
def test_the_quantized_file_computes_what_the_network_learned_to_compute(images, tmp_path, dialect):
    model = network()
    scales = settled(model, PRECISION, images)
    to_onnx(model, SHAPE, tmp_path / "m.onnx")
    plain = onnx.load(str(tmp_path / "m.onnx"))
    learned = learned_scales(plain, model, PRECISION, scales)
    # Ranges from one dark image: with them alone, almost everything would be clipped.
    dark = bounds_of(observe(tmp_path / "m.onnx", images[:1] / 100), "minmax")
    quantize(tmp_path / "m.onnx", dialect, dark, tmp_path / "clipped.onnx")
    if dialect.key == "int8-cpu":  # outputs of its layers are quantized too, and no training has told their ranges
        dark = bounds_of(observe(tmp_path / "m.onnx", images), "minmax")
    quantize(tmp_path / "m.onnx", dialect, with_learned(dark, plain, learned), tmp_path / "q.onnx", learned=learned)
    with torch.no_grad():
        expected = quantize_inputs(model, PRECISION, scales)(images)
    most = expected.abs().max()
    error = (run_onnx(tmp_path / "q.onnx", images) - expected).abs().max() / most
    assert error < (0.05 if dialect.key == "int8-cpu" else 1e-5)
    assert (run_onnx(tmp_path / "clipped.onnx", images) - expected).abs().max() > 0.5 * most


def test_a_weight_on_a_grid_of_four_bits_is_exact_in_eight(images, tmp_path):
    model, precision = network(), dict.fromkeys(PRECISION, "int4")
    scales = settled(model, precision, images)
    to_onnx(model, SHAPE, tmp_path / "m.onnx")
    learned = learned_scales(onnx.load(str(tmp_path / "m.onnx")), model, precision, scales)
    assert list(learned.values())[1].input * 127 == pytest.approx(scales["3.input_scale"].item() * 7)
    bounds = bounds_of(observe(tmp_path / "m.onnx", images), "minmax")
    quantize(tmp_path / "m.onnx", TensorRT(), bounds, tmp_path / "q.onnx", learned=learned)
    values = constants(onnx.load(str(tmp_path / "q.onnx")))
    nodes = onnx.load(str(tmp_path / "q.onnx")).graph.node
    for node in nodes:
        if node.op_type == "QuantizeLinear" and node.input[0] in values:
            weight, scale = values[node.input[0]], values[node.input[1]]
            levels = weight / scale.reshape(-1, *[1] * (weight.ndim - 1))
            assert np.abs(levels - np.rint(levels)).max() < 1e-3
            assert np.abs(levels).max() < 7.5


def test_layers_of_equal_weights_are_not_guessed_and_layers_without_integers_are_known(images, tmp_path):
    model = network()
    twin = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Flatten(), nn.Linear(192, 2)).eval()
    twin[1].load_state_dict(twin[0].state_dict())
    scales = settled(twin, {"0.weight": "int8", "1.weight": "int8"}, images)
    to_onnx(twin, SHAPE, tmp_path / "t.onnx")
    assert (
        learned_scales(onnx.load(str(tmp_path / "t.onnx")), twin, {"0.weight": "int8", "1.weight": "int8"}, scales)
        == {}
    )
    to_onnx(model, SHAPE, tmp_path / "m.onnx")
    plain = onnx.load(str(tmp_path / "m.onnx"))
    convs = [node.name for node in plain.graph.node if node.op_type == "Conv"]
    assert floating_layers(plain, model, {"3.weight": "int8", "5.weight": "int8"}) == (convs[0],)
    assert floating_layers(plain, model, {}) == ()


def test_an_offspring_bred_at_int8_is_exported_with_its_own_scales(tmp_path):
    options = {"ancestor_epochs": 2, "epochs": 1, "final_epochs": 1, "generations": 1, "offspring": 1}
    run = evolve(tmp_path / "run", resolve(None, {**options, "precision": "int8", "min_accuracy": 50.0}))
    bundle = export_individual(run, "g001-c0", int8=True, int8_cpu_layers="all")
    calibration = bundle.manifest["models"]["int8"]["calibration"]
    assert (calibration["method"], calibration["learned_layers"]) == ("learned", 4)
    scales = run.load("g001-c0").scales
    values = constants(onnx.load(str(bundle.path / "model.int8.onnx")))
    written = sorted(float(value) for name, value in values.items() if value.shape == () and value.dtype == np.float32)
    learned = sorted({scale.item() for name, scale in scales.items() if name.endswith("input_scale")})
    assert sorted(set(written)) == pytest.approx(learned)
    task, individual = load_task("digits"), run.load("g001-c0")
    network = species("lenet5", task, run.config.seed).removed(individual)
    test = task.load_test()
    with torch.no_grad():
        as_bred = task.metric(quantize_inputs(network, individual.genome.precision, scales)(test.images), test.targets)
    accuracies = {hop.hop: hop.accuracy_percent for hop in bundle.ledger.hops}
    one_image = 100 / len(test.images) + 1e-9
    assert accuracies["onnx int8"] == pytest.approx(as_bred, abs=one_image)
    assert accuracies["onnx int8-cpu"] == pytest.approx(as_bred, abs=3 * one_image)  # outputs of layers are rounded too
    facts = bundle.manifest["models"]["int8-cpu"]
    assert (facts["exact_on"], facts["calibration"]["weights"]) == ("any", "learned")
