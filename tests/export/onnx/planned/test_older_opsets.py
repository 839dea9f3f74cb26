"""A plan of a bundle that had to be of a newer opset advises none that the export refuses."""

import onnx
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgesynth.export.calibration import bounds_of, observe
from edgesynth.export.half.half import to_half
from edgesynth.export.int8.dialects import TensorRT
from edgesynth.export.int8.int8 import quantize
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.export.onnx.planned.older_opsets import keep_refused
from edgesynth.planning.onnx.onnx_graph import read_graph
from edgesynth.planning.parsers.operators import REFUSED_OPSETS, check_graph
from edgesynth.planning.parsers.parser import parser_of


class Sampled(nn.Module):
    """GridSample is of opset 16."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, images):
        features = self.conv(images)
        return F.grid_sample(features, features[:, :2].permute(0, 2, 3, 1).tanh(), align_corners=False).mean((2, 3))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path, network = tmp_path_factory.mktemp("sampled") / "m.onnx", Sampled().eval()
    to_onnx(network, (3, 8, 8), path, 16)
    keep_refused(path, network, (3, 8, 8), 16)
    return path


def advice(path):
    """What the plan says of the file's opset on boards of TensorRT 8.2."""
    (message,) = [
        one.message for one in check_graph(read_graph(str(path)), parser_of((8, 2))) if "opset" in one.message
    ]
    return message


def test_opset_13_that_the_network_lacks_is_advised_of_no_form_of_it(model, tmp_path):
    to_half(model, tmp_path / "half.onnx")
    bounds = bounds_of(observe(model, torch.randn(4, 3, 8, 8)), "minmax")
    quantize(model, TensorRT(), bounds, tmp_path / "int8.onnx")
    for path in (model, tmp_path / "half.onnx", tmp_path / "int8.onnx"):
        assert "it cannot be written at opset 13" in advice(path)


def test_a_network_that_can_be_of_any_opset_says_nothing(tmp_path):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())
    to_onnx(network, (3, 8, 8), tmp_path / "m.onnx", 17)
    before = (tmp_path / "m.onnx").read_bytes()
    keep_refused(tmp_path / "m.onnx", network, (3, 8, 8), 17)
    assert (tmp_path / "m.onnx").read_bytes() == before
    assert REFUSED_OPSETS not in {entry.key for entry in onnx.load(str(tmp_path / "m.onnx")).metadata_props}
