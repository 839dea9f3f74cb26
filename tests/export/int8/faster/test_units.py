import onnx
import torch
from torch import nn

from edgesynth.export.int8.dialects import OnnxRuntimeCpu
from edgesynth.export.int8.faster.units import units_of
from edgesynth.export.onnx.onnx_file import to_onnx


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, images):
        streams = torch.max_pool2d(images, 2)
        return torch.relu(streams + self.second(torch.relu(self.first(streams))))


def _plain(tmp_path):
    torch.manual_seed(0)
    to_onnx(Residual(), (3, 8, 8), tmp_path / "m.onnx")
    return onnx.load(str(tmp_path / "m.onnx"))


def test_a_unit_is_a_layer_with_the_nodes_up_to_the_next_and_the_first_has_those_before_it(tmp_path):
    model = _plain(tmp_path)
    able = {node.name for node in model.graph.node if OnnxRuntimeCpu().quantizes(node)}
    assert units_of(model, able) == (("/MaxPool", "/first/Conv", "/Relu"), ("/second/Conv", "/Add", "/Relu_1"))


def test_a_layer_that_cannot_be_int8_has_no_unit(tmp_path):
    assert units_of(_plain(tmp_path), {"/first/Conv", "/Add"}) == (("/first/Conv", "/Add"),)
