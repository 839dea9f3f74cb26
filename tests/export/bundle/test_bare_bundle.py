"""The bare bundle that the loop measures: the forms that an engine may take, and what they were calibrated on."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from edgesynth.benchmark.bundle.bundle import CALIBRATED, open_target
from edgesynth.boards.calibration_cache import read_ranges
from edgesynth.export import to_onnx
from edgesynth.export.bundle.bare_bundle import complete
from tests.tiny_ancestor import build

IMAGES = torch.rand(16, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build().eval()


def bundle(folder, network, precision, bred=None, images=IMAGES):
    to_onnx(network, (1, 28, 28), folder / "model.onnx")
    complete(folder, network, (1, 28, 28), precision, bred or {}, lambda: images)
    return open_target(str(folder))


def quantized_layers(path):
    """Names of the layers whose weight comes out of a DequantizeLinear."""
    nodes = onnx.load(str(path)).graph.node
    restored = {name for node in nodes if node.op_type == "DequantizeLinear" for name in node.output}
    return [node.name for node in nodes if node.op_type in ("Conv", "Gemm") and node.input[1] in restored]


def test_int8_has_a_model_for_each_engine_and_ranges_for_a_board_without_int8_units(tmp_path, network):
    target = bundle(tmp_path, network, "int8")
    assert set(target.models) == {"fp32", "int8", "int8-cpu"}
    assert target.model(CALIBRATED).ranges == str(tmp_path / "ranges.json")
    ranges = json.loads((tmp_path / "ranges.json").read_text())
    assert ranges["amax"][next(iter(ranges["amax"]))] == IMAGES.max().item()
    expected = network(IMAGES).detach().numpy()
    for key in ("int8", "int8-cpu"):
        assert len(quantized_layers(target.models[key].path)) == 3
        session = onnxruntime.InferenceSession(target.models[key].path, providers=["CPUExecutionProvider"])
        (found,) = session.run(None, {session.get_inputs()[0].name: IMAGES.numpy()})
        assert 0 < np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


def test_layers_that_were_bred_in_floating_point_among_integers_stay_so(tmp_path, network):
    target = bundle(tmp_path, network, "int8", {"0.weight": "int8", "3.weight": "int8"})
    assert len(quantized_layers(target.models["int8"].path)) == 2
    # The board's build by ranges leaves the third so too.
    (floating,) = read_ranges(target.model(CALIBRATED).ranges).floating
    assert floating in [node.name for node in onnx.load(target.models["fp32"].path).graph.node]
    assert floating not in quantized_layers(target.models["int8"].path)


@pytest.mark.parametrize(("precision", "models"), [("fp32", {"fp32"}), ("fp16", {"fp32", "fp16"})])
def test_other_precisions_ask_for_no_image(tmp_path, network, precision, models):
    assert set(bundle(tmp_path, network, precision, images=None).models) == models
