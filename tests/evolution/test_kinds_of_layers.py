"""A run breeds and exports networks of more than plain layers: computed weights, gates, norms and recurrent units."""

import onnx
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from edgesynth.evolution import evolve
from edgesynth.export import export_individual
from edgesynth.lineage import Run, resolve, species
from edgesynth.tasks import load_task
from tests.evolution.untrained import QUICK


class Equalized(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(o, i, 5, 5)), nn.Parameter(torch.zeros(o))
        self.scale = (25 * i) ** -0.5

    def forward(self, x):
        return F.conv2d(x, self.weight * self.scale, self.bias, stride=4)


class Mixed(nn.Module):
    """A scaled weight, a gate, features of unit length, a normalized weight, an LSTM of both directions."""

    def __init__(self):
        super().__init__()
        self.first, self.second = Equalized(1, 12), parametrizations.weight_norm(nn.Conv2d(6, 8, 1))
        self.steps, self.last = nn.LSTM(8 * 6, 10, batch_first=True, bidirectional=True), nn.Linear(20, 10)

    def forward(self, x):
        x = F.normalize(F.glu(self.first(x), dim=1), dim=1)
        x = F.relu(self.second(x))
        return self.last(self.steps(x.permute(0, 3, 1, 2).flatten(2))[0].mean(1))


NAME = "tests.evolution.test_kinds_of_layers:Mixed"


@pytest.fixture(scope="module")
def bred(tmp_path_factory):
    options = {**QUICK, "ancestor": NAME, "generations": 2, "keep_clusters": 0.6}
    return evolve(tmp_path_factory.mktemp("mixed") / "run", resolve(None, options))


def test_each_generation_loses_units_of_every_kind_and_its_census_is_its_network_s(bred):
    kind = species(NAME, load_task("digits"), 0)
    last = bred.load("g002-c0")
    widths = {group.name: (len(last.genome.kept[group.name]), group.size) for group in kind.anatomy.removable}
    assert {name: size for name, (_, size) in widths.items()} == {"first": 6, "second": 8, "steps": 10}
    assert all(0 < kept < size for kept, size in widths.values())
    network = kind.removed(last)
    assert network.steps.hidden_size == widths["steps"][0] and network.steps.input_size == 6 * widths["second"][0]
    census = last.record.census
    assert census.params == sum(parameter.numel() for parameter in network.parameters())
    steps = sum(weight.numel() for name, weight in network.steps.named_parameters() if "weight" in name)
    assert sum(layer.macs for layer in census.layers if layer.name.startswith("steps.")) == 6 * steps


def test_its_bundle_holds_an_lstm_of_the_units_that_are_left_and_a_ledger_in_order(bred, tmp_path):
    run = Run.open(bred.path)
    bundle = export_individual(run, "g002-c0", tmp_path / "bundle", samples=16)
    graph = onnx.load(bundle.path / "model.onnx").graph
    (lstm,) = [node for node in graph.node if node.op_type == "LSTM"]
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    kept = run.load("g002-c0").genome.kept
    units, inputs = len(kept["steps"]), 6 * len(kept["second"])
    assert shapes[lstm.input[1]] == (2, 4 * units, inputs) and shapes[lstm.input[2]] == (2, 4 * units, units)
    hops = bundle.manifest["ledger"]
    assert [hop["hop"] for hop in hops][:3] == ["torch masked", "torch removed", "onnx fp32"]
    assert all(hop["ok"] for hop in hops)
