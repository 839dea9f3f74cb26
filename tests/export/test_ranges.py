import json

import onnx
import pytest
import torch
from torch import nn

from edgesynth.export.calibration import METHODS
from edgesynth.export.onnx_file import to_onnx
from edgesynth.export.ranges import measure_ranges

SHAPE = (1, 8, 8)


@pytest.fixture
def images():
    return torch.randn(100, *SHAPE, generator=torch.Generator().manual_seed(0))


def test_minmax_is_the_largest_magnitude_over_all_batches(convnet, images, tmp_path):
    to_onnx(convnet, SHAPE, tmp_path / "m.onnx")
    amax = measure_ranges(tmp_path / "m.onnx", images, "minmax")["amax"]
    convnet.eval()
    with torch.no_grad():
        stages = [images, convnet[:2](images), convnet[:3](images), convnet[:4](images), convnet(images)]
    assert list(amax.values()) == pytest.approx([stage.abs().max().item() for stage in stages], rel=1e-5)


def test_every_activation_is_named_in_the_order_of_the_graph(exported):
    ranges = json.loads((exported.path / "ranges.json").read_text())
    graph = onnx.load(str(exported.path / "model.onnx")).graph
    assert list(ranges["amax"]) == ["images", *(name for node in graph.node for name in node.output)]
    assert (ranges["schema"], ranges["model"], ranges["images"]) == (1, "model.onnx", 512)
    assert ranges["method"] == exported.manifest["models"]["int8"]["calibration"]["method"]


@pytest.mark.parametrize("method", list(METHODS))
def test_a_negative_tensor_has_the_magnitude_of_its_low_end(images, tmp_path, method):
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten())
    nn.init.constant_(model[0].weight, 0.01)
    nn.init.constant_(model[0].bias, -10)
    to_onnx(model, SHAPE, tmp_path / "m.onnx")
    amax = measure_ranges(tmp_path / "m.onnx", images, method)["amax"]
    assert amax["logits"] == pytest.approx(10, abs=0.1)


def test_a_tensor_that_is_always_zero_gets_a_usable_range(images, tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 2))
    nn.init.constant_(model[0].weight, 0.01)
    nn.init.constant_(model[0].bias, -10)
    to_onnx(model, SHAPE, tmp_path / "m.onnx")
    amax = measure_ranges(tmp_path / "m.onnx", images, "minmax")["amax"]
    assert min(amax.values()) > 0
    assert [value for name, value in amax.items() if "Relu" in name] == [1.0]
