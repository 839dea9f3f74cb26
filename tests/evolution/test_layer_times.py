"""Times of an ancestor's layers: the shapes that its file has, and a latency that is the sum of what is left."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from edgesynth.anatomy import trace
from edgesynth.benchmark.probe.grid.parts import parts_of
from edgesynth.benchmark.probe.grid.widths import places
from edgesynth.benchmark.probe.onnx_graph import read_graph
from edgesynth.errors import UserError
from edgesynth.evolution.budgets.layer_times import LayerTimes, layer_shapes
from edgesynth.evolution.budgets.machine import Machine
from edgesynth.evolution.budgets.on_board import LATENCY
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.lineage import Config
from edgesynth.planning.cost.times import BoardTimes, GridTimes
from tests.boards.probed.test_grid import grid_of

SHAPE = (3, 16, 16)


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.pointwise = nn.Conv2d(16, 24, 1)
        self.last = nn.Linear(24, 5)

    def forward(self, images):
        return self.last(torch.relu(self.pointwise(self.depthwise(self.stem(images)))).mean((2, 3)))


@pytest.fixture
def anatomy():
    return trace(Small().eval(), torch.zeros(1, *SHAPE))


@pytest.fixture
def parts(tmp_path):
    to_onnx(Small().eval(), SHAPE, tmp_path / "m.onnx")
    return parts_of(read_graph(str(tmp_path / "m.onnx")))


@pytest.fixture
def times(parts):
    """A grid in which each layer costs by its multiplications."""
    grid = grid_of()
    for shape, inputs, outputs in places(parts.layers, parts.fixed):
        grid.add(shape, inputs, outputs, 1e-4 * inputs * outputs)
    for one in parts.beside:
        grid.add_beside(one, 0.25)
    return GridTimes(grid)


def test_the_shapes_are_those_that_the_file_has(anatomy, parts):
    assert layer_shapes(anatomy, SHAPE) == tuple(layer.shape for layer in parts.layers)


def test_the_whole_network_takes_what_its_file_does(anatomy, parts, times):
    found = LayerTimes(anatomy, SHAPE, times, parts.beside).predict(anatomy.census(), "fp32")
    assert found.latency_ms == pytest.approx(times.network_ms(parts.places, parts.beside))
    assert [layer.name for layer in found.layers][:4] == ["stem.0", "depthwise", "pointwise", "last"]
    assert found.energy_mj_per_image is None and found.images_per_joule is None
    json.dumps(found.to_json())


def test_what_removal_leaves_takes_less_by_its_own_widths(anatomy, parts, times):
    layers = LayerTimes(anatomy, SHAPE, times, parts.beside)
    group = next(group for group in anatomy.removable if "pointwise" in group.name)
    left = layers.predict(anatomy.census({group.name: range(8)}), "fp32")
    costs = {layer.name: layer.latency_ms for layer in left.layers}
    assert costs["pointwise"] == pytest.approx(1e-4 * 16 * 8) and costs["last"] == pytest.approx(1e-4 * 8 * 5)
    assert costs["stem.0"] == pytest.approx(1e-4 * 3 * 16)


def test_a_table_of_widths_is_the_source_s_own(anatomy, times):
    layers = LayerTimes(anatomy, SHAPE, times)
    found = layers.table(2, np.array([4, 8, 16]), np.array([12, 24]))
    assert np.allclose(found, 1e-4 * np.outer([4, 8, 16], [12, 24]))
    depthwise = layers.table(1, np.array([1]), np.array([4, 16]))
    assert depthwise.shape == (1, 2) and depthwise[0, 1] > depthwise[0, 0]
    with pytest.raises(UserError, match="knows outputs of 1 to 24"):
        layers.table(2, np.array([16]), np.array([25]))


def test_a_board_s_cost_model_answers_in_the_same_way(anatomy):
    layers = LayerTimes(anatomy, SHAPE, BoardTimes("tx2"))
    assert layers.table(2, np.array([8, 16]), np.array([24])).shape == (2, 1)
    assert layers.constant_ms == BoardTimes("tx2").call_ms


def test_the_machine_predicts_by_them_and_prices_every_weight(anatomy, parts, times):
    layers = LayerTimes(anatomy, SHAPE, times, parts.beside)
    machine = Machine(Config(ancestor="lenet5", task="digits"), anatomy, times=layers)
    census = anatomy.census()
    assert LATENCY.amount(census, machine) == pytest.approx(times.network_ms(parts.places, parts.beside))
    prices = LATENCY.weight_prices(census, machine)
    assert prices["pointwise.weight"] == pytest.approx(1e-4) and min(prices.values()) > 0
