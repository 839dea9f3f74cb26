"""What a network has besides convolutions and linear layers is in what a board is predicted to take."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from edgesynth.anatomy import remove, trace
from edgesynth.ancestors import build_ancestor
from edgesynth.evolution import evolve, replay
from edgesynth.evolution.budgets import LATENCY
from edgesynth.evolution.budgets.machine import Machine
from edgesynth.evolution.progress import Progress
from edgesynth.export import other_kernels_of, to_onnx
from edgesynth.lineage import resolve, species
from edgesynth.planning.cost import predict
from edgesynth.tasks import load_task
from tests.evolution.untrained import QUICK

# Squeeze and excitation, means, and a residual sum that comes after its activation: kernels of their own on a board.
POOLED = """
import torch
from torch import nn

class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 96, 5, padding=2), nn.Conv2d(96, 96, 5, padding=2)
        self.gate, self.last = nn.Conv2d(96, 96, 1), nn.Linear(96, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.first(x)), 2)
        y = torch.relu(self.second(x))
        y = y * torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True)))
        return self.last((x + y).mean((2, 3)))
"""
UNREAD = """
import torch
from torch import nn

class Unread(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(1, 8, 3), nn.Linear(8, 10)

    def forward(self, x):
        x = torch.relu(self.first(x)).mean((2, 3))
        return self.last(torch.einsum("nc,nc,n->nc", x, x, x.sum(1)))
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "beside_networks.py").write_text(POOLED + UNREAD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("beside_networks", None)
    yield "beside_networks"
    sys.modules.pop("beside_networks", None)


def of_the_file(network, shape, folder):
    to_onnx(network, shape, folder / "model.onnx")
    return predict(str(folder / "model.onnx"), "tx2", "fp16").latency_ms


@pytest.mark.parametrize(
    ("name", "shape", "missing"),
    [("lenet5", (1, 28, 28), 0.08), ("resnet20", (3, 32, 32), 0.08), ("refinenet-small", (3, 64, 64), 0.2)],
)
def test_whole_or_cut_a_network_is_predicted_as_its_file_is(tmp_path, name, shape, missing):
    model = build_ancestor(name, 10).eval()
    anatomy = trace(model, (torch.zeros(2, *shape),))
    config = resolve(None, {"board": "tx2", "max_latency_ms": 1.0})
    without, machine = Machine(config, anatomy), Machine(config, anatomy, other_kernels_of(model, shape))
    third = {group.name: list(range(max(1, group.size // 3))) for group in anatomy.removable}
    for network, census in [
        (model, anatomy.census()),
        (remove(model, anatomy.plan(third)).eval(), anatomy.census(third)),
    ]:
        seen = of_the_file(network, shape, tmp_path)
        assert machine.predict(census).latency_ms == pytest.approx(seen, rel=0.03)
        assert without.predict(census).latency_ms < (1 - missing) * seen
        # What lies beside the layers has no synapse to price.
        assert set(LATENCY.weight_prices(census, machine)) == set(anatomy.weights())


class Attention(nn.Module):
    """Products of activations, which no weight accounts for."""

    def __init__(self):
        super().__init__()
        self.patches, self.three, self.last = nn.Conv2d(1, 64, 2, 2), nn.Linear(64, 192), nn.Linear(64, 10)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        q, k, v = self.three(tokens).chunk(3, dim=2)
        return self.last((torch.softmax(q @ k.transpose(1, 2), dim=2) @ v).mean(1))


def test_products_of_activations_are_predicted_with_what_they_multiply(tmp_path):
    model, shape = Attention().eval(), (1, 64, 64)
    anatomy = trace(model, torch.zeros(2, *shape))
    config = resolve(None, {"board": "tx2", "max_latency_ms": 1.0})
    predicted = Machine(config, anatomy, other_kernels_of(model, shape)).predict(anatomy.census())
    assert predicted.latency_ms == pytest.approx(of_the_file(model, shape, tmp_path), rel=0.03)
    assert sum(layer.macs for layer in predicted.layers) == anatomy.census().macs


class Notes(Progress):
    def __init__(self):
        self.told = []

    def note(self, message):
        self.told.append(message)


@pytest.mark.parametrize("strategy", ["heredity", "generative"])
def test_a_budget_is_landed_on_by_the_whole_network_and_replayed_so(module, tmp_path, strategy):
    given = {
        **QUICK,
        "ancestor": f"{module}:Pooled",
        "strategy": strategy,
        "max_latency_ms": 0.78,
        "allocation": "strength",
    }
    probes = {"probes": 2, "probe_epochs": 0} if strategy == "generative" else {}
    run = evolve(Path("run"), resolve(None, {**given, **probes}), kernels=other_kernels_of)
    assert run.outcome()["stopped"] == "budget"
    last = run.names()[-1]
    kind = species(given["ancestor"], load_task("digits"), 0)
    assert 0.75 <= of_the_file(kind.removed(run.load(last)), kind.input_shape, tmp_path) <= 0.79
    assert replay(run, last, kernels=other_kernels_of)


def test_where_the_kernels_cannot_be_read_the_layers_alone_are_counted_and_it_is_told(module):
    given = {**QUICK, "ancestor": f"{module}:Unread", "max_synapses": 120}
    notes = Notes()
    evolve(Path("run"), resolve(None, given), progress=notes, kernels=other_kernels_of)
    (told,) = [note for note in notes.told if "latency is predicted" in note]
    assert told.startswith("latency is predicted from convolutions and linear layers alone (") and "Einsum" in told
