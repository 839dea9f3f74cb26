"""Adaptive pooling whose windows do not divide the map, at opset 13."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.export.onnx.rewriting.pooling import FixedPooling
from edgesynth.export.onnx.runtime import run_onnx
from edgesynth.planning.onnx.onnx_graph import read_graph
from edgesynth.planning.parsers.operators import check_graph
from edgesynth.planning.parsers.parser import parser_of

SIDES = range(1, 12)


@pytest.mark.parametrize("pool", [F.adaptive_avg_pool2d, F.adaptive_max_pool2d], ids=["average", "maximum"])
def test_every_size_of_every_map_is_pooled_as_torch_pools_it(pool):
    source = torch.Generator().manual_seed(0)
    for side in SIDES:
        for size in SIDES:
            image = torch.randn((2, 3, side, 12 - side), generator=source)
            with FixedPooling():
                fixed = pool(image, (size, 5))
            assert torch.allclose(fixed, pool(image, (size, 5)), atol=1e-6), (side, size)


@pytest.mark.parametrize(
    ("pool", "shape", "size"),
    [
        (torch.adaptive_avg_pool1d, (11,), 4),
        (F.adaptive_max_pool1d, (11,), 4),
        (F.adaptive_avg_pool3d, (5, 6, 7), (3, 4, 5)),
        (F.adaptive_max_pool3d, (5, 6, 7), (3, 4, 5)),
        (F.adaptive_avg_pool3d, (5, 6, 7), (2, None, 7)),
        (torch._C._nn.adaptive_avg_pool2d, (5, 7), (3, 4)),
    ],
)
def test_one_and_three_dimensions_are_pooled_as_torch_pools_them(pool, shape, size):
    image = torch.randn((2, 3, *shape), generator=torch.Generator().manual_seed(0))
    with FixedPooling():
        fixed = pool(image, size)
    assert torch.allclose(fixed, pool(image, size), atol=1e-6)


def test_places_of_maxima_are_those_of_torch():
    image = torch.randn((1, 1, 7, 7), generator=torch.Generator().manual_seed(0))
    with FixedPooling():
        _, places = F.adaptive_max_pool2d(image, 3, return_indices=True)
    assert torch.equal(places, F.adaptive_max_pool2d(image, 3, return_indices=True)[1])


class Pooling(nn.Module):
    def __init__(self, pool, size):
        super().__init__()
        self.conv, self.pool = nn.Conv2d(3, 4, 3, padding=1), pool(size)

    def forward(self, images):
        return self.pool(self.conv(images)).flatten(1)


@pytest.mark.parametrize(
    ("pool", "side", "size", "operators"),
    [
        (nn.AdaptiveAvgPool2d, 8, 4, {"Conv": 1, "AveragePool": 1, "Flatten": 1}),
        (nn.AdaptiveAvgPool2d, 1, 6, {"Conv": 1, "Gather": 2, "Flatten": 1}),  # AlexNet at 64 pixels
        (nn.AdaptiveAvgPool2d, 4, 7, {"Conv": 1, "MatMul": 2, "Flatten": 1}),  # VGG at 128 pixels
        (nn.AdaptiveAvgPool2d, 8, 6, {"Conv": 1, "Gather": 2, "AveragePool": 1, "Flatten": 1}),
        (nn.AdaptiveMaxPool2d, 8, 3, {"Conv": 1, "Gather": 2, "MaxPool": 1, "Flatten": 1}),
    ],
)
def test_the_file_has_operators_that_tensorrt_8_2_parses_and_answers_alike(tmp_path, pool, side, size, operators):
    torch.manual_seed(0)
    network = Pooling(pool, size).eval()
    assert to_onnx(network, (3, side, side), tmp_path / "m.onnx").name == "torchscript"
    graph = read_graph(str(tmp_path / "m.onnx"))
    assert (graph.opset, graph.operators()) == (13, dict(sorted(operators.items())))
    assert not [finding for finding in check_graph(graph, parser_of((8, 2))) if finding.fatal]
    images = torch.randn(5, 3, side, side)
    with torch.no_grad():
        assert torch.allclose(run_onnx(tmp_path / "m.onnx", images), network(images), atol=1e-5)
