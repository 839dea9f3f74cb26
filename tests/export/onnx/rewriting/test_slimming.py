"""What the slimmer folds computes what it did, or is not folded."""

import numpy as np
import onnx
import onnxslim
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from edgesynth.export.onnx.fixed_batch import fix_batch
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.export.onnx.runtime import run_onnx
from edgesynth.planning.onnx.onnx_graph import read_graph
from edgesynth.planning.parsers.operators import check_graph
from edgesynth.planning.parsers.parser import parser_of


class Coordinates(nn.Module):
    """Rows and columns beside the image, by linspace over its sides, as a CoordConv has them."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, images):
        count, _, height, width = images.shape
        rows = torch.linspace(-1, 1, height).view(1, 1, height, 1).expand(count, 1, height, width)
        columns = torch.linspace(-1, 1, width).view(1, 1, 1, width).expand(count, 1, height, width)
        return self.conv(torch.cat([images, rows, columns], 1)[:, [0, 1, 2]] * rows + columns).mean((2, 3))


@pytest.fixture
def images():
    return torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def largest_error(path, network, images):
    with torch.no_grad():
        return float((run_onnx(path, images) - network(images)).abs().max())


@pytest.mark.parametrize("opset", [13, 17])
def test_a_grid_of_coordinates_is_written_as_it_is_and_folded(tmp_path, images, opset):
    network = Coordinates().eval()
    to_onnx(network, (3, 8, 8), tmp_path / "m.onnx", opset)
    assert largest_error(tmp_path / "m.onnx", network, images) < 1e-5
    graph = read_graph(str(tmp_path / "m.onnx"))
    assert not {"Range", "Div", "Cast"} & set(graph.operators())
    values = {name: graph.array(name) for name in graph.tensors}
    grid = np.linspace(-1, 1, 8, dtype=np.float32)
    assert any(value.size == 8 and np.allclose(value.ravel(), grid, atol=1e-6) for value in values.values())
    assert not [finding for finding in check_graph(graph, parser_of((8, 2))) if finding.fatal and finding.op]


def test_a_grid_of_coordinates_is_right_at_a_fixed_batch(tmp_path, images):
    network = Coordinates().eval()
    to_onnx(network, (3, 8, 8), tmp_path / "m.onnx")
    fix_batch(tmp_path / "m.onnx", 2)
    assert largest_error(tmp_path / "m.onnx", network, images) < 1e-5
    assert "Shape" not in read_graph(str(tmp_path / "m.onnx")).operators()


class Scaled(nn.Module):
    """Its answer is a number of the network's alone, times the images."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, bias=False)

    def forward(self, images):
        return self.conv(images).mean((2, 3))


@pytest.mark.parametrize("harmless", [(), ("no_shape_infer",)], ids=["none", "without shapes"])
def test_a_slimmer_that_changes_answers_is_used_as_far_as_it_does_not(tmp_path, images, monkeypatch, harmless):
    slim, calls = onnxslim.slim, []

    def spoiling(model, **options):
        calls.append(options)
        slimmed = slim(model, **options)
        if not set(harmless) & options.keys():
            weight = slimmed.graph.initializer[0]
            weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.001), weight.name))
        return slimmed

    monkeypatch.setattr(onnxslim, "slim", spoiling)
    network = Scaled().eval()
    to_onnx(network, (3, 8, 8), tmp_path / "m.onnx")
    assert largest_error(tmp_path / "m.onnx", network, images) < 1e-6
    assert len(calls) == 3
    weight = numpy_helper.to_array(onnx.load(str(tmp_path / "m.onnx")).graph.initializer[0])
    assert np.array_equal(weight, network.conv.weight.detach().numpy())


def test_what_shows_at_some_batches_alone_is_seen(tmp_path, monkeypatch):
    """A folding that takes the batch for 1 is right for one image."""
    slim = onnxslim.slim

    def spoiling(model, **options):
        slimmed = slim(model, **options)
        (shape,) = [node for node in slimmed.graph.node if node.op_type == "Shape"]
        one = numpy_helper.from_array(np.array([1, 1, 2, 2], np.int64))
        shape.CopyFrom(onnx.helper.make_node("Constant", [], list(shape.output), shape.name, value=one))
        return slimmed

    monkeypatch.setattr(onnxslim, "slim", spoiling)

    class TimesBatch(nn.Module):
        def forward(self, images):
            return images.flatten(1) * images.size(0)

    to_onnx(TimesBatch(), (1, 2, 2), tmp_path / "m.onnx")
    assert torch.equal(run_onnx(tmp_path / "m.onnx", torch.ones(3, 1, 2, 2)), torch.full((3, 4), 3.0))
