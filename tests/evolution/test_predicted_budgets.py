"""Budgets of a board that is not at hand: predicted, landed on, refused where they are out of reach."""

import json
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from edgesynth.anatomy import trace
from edgesynth.ancestors import build_ancestor
from edgesynth.boards.table import find_board
from edgesynth.errors import UserError
from edgesynth.evolution import evolve
from edgesynth.evolution.budgets import LATENCY
from edgesynth.evolution.budgets.machine import Machine, layers_left
from edgesynth.evolution.preflight.feasibility import check_feasible
from edgesynth.lineage import resolve
from edgesynth.planning.cost import predict_layers, product
from tests.boards.test_board_file import facts_of
from tests.evolution.untrained import QUICK
from tests.topology.networks import NETWORKS

WIDE = """
from torch import nn

def wide():
    return nn.Sequential(
        nn.Conv2d(1, 96, 5, padding=2), nn.ReLU(), nn.Conv2d(96, 96, 3, padding=1), nn.ReLU(),
        nn.Conv2d(96, 32, 3, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(1568, 10))
"""


@pytest.fixture
def breed(tmp_path, monkeypatch):
    (tmp_path / "wide_networks.py").write_text(WIDE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("wide_networks", None)

    def call(**given):
        return evolve(Path("run"), resolve(None, {"ancestor": "wide_networks:wide", **QUICK, **given}))

    yield call
    sys.modules.pop("wide_networks", None)


@cache
def lenet():
    return trace(build_ancestor("lenet5").eval(), (torch.zeros(1, 1, 28, 28),))


@cache
def traced(name):
    cls, shapes = NETWORKS[name]
    return trace(cls().eval(), tuple(shape() if callable(shape) else torch.randn(shape) for shape in shapes))


def predicted(run):
    """The last individual's latency (ms) and images per joule, predicted from its kept weights alone."""
    individual = run.load(run.names()[-1])
    shapes = {name: tuple(weight.shape) for name, weight in individual.weights.items() if weight.ndim > 1}
    sides = {"0.weight": 28, "2.weight": 28, "4.weight": 7, "7.weight": 1}
    layers = [product(name, shapes[name], side**2, strided=name == "4.weight") for name, side in sides.items()]
    prediction = predict_layers(layers, "tx2", "fp16")
    return prediction.latency_ms, 1e3 / prediction.energy_mj_per_image


@pytest.mark.parametrize("allocation", ["strength", "budgets"])
def test_a_predicted_latency_is_landed_on_and_not_undershot(breed, allocation):
    run = breed(max_latency_ms=0.62, allocation=allocation)
    assert run.outcome()["stopped"] == "budget"
    assert "predicted 0.6" in run.outcome()["reason"] and "of 0.62 ms" in run.outcome()["reason"]
    assert 0.605 <= predicted(run)[0] <= 0.62


def test_images_per_joule_are_met_as_a_least_number(breed):
    run = breed(min_images_per_joule=350)
    assert run.outcome()["stopped"] == "budget"
    assert 350 <= predicted(run)[1] <= 375


def test_a_latency_and_a_count_are_both_met(breed):
    run = breed(max_latency_ms=0.65, max_params=30_000)
    assert run.outcome()["stopped"] == "budget"
    assert predicted(run)[0] <= 0.65 and run.records()[-1].census.params <= 30_000


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_a_layer_alone_takes_what_it_takes_in_the_network_to_the_bit(precision):
    anatomy = trace(build_ancestor("resnet20").eval(), (torch.zeros(1, 3, 32, 32),))
    machine = Machine(resolve(None, {"board": "tx2", "board_precision": precision}), anatomy)
    whole = machine.predict(anatomy.census()).layers
    for place, use in enumerate(anatomy.layers):
        shape = anatomy.shapes[use.weight]
        sizes = (np.array([shape[dim]]) for dim in (1 - use.written, use.written))
        assert machine.layer_ms(place, *sizes).tolist() == [[whole[place].latency_ms]]


def test_a_cluster_is_priced_by_the_time_of_its_layers_and_not_by_the_start_of_their_kernels():
    anatomy = lenet()
    machine = Machine(resolve(None, {"board": "tx2", "max_latency_ms": 1.0}), anatomy)
    census = anatomy.census()
    prices = LATENCY.weight_prices(census, machine)
    kernels = machine.predict(census).layers
    spent = sum(kernel.latency_ms for kernel in kernels) - len(kernels) * 0.0371
    total = sum(price * left.synapses for price, left in zip(prices.values(), census.layers, strict=True))
    assert total == pytest.approx(spent)


@pytest.mark.parametrize("name", ["Depthwise", "Grouped", "Residual"])
def test_the_layers_of_a_prediction_have_the_groups_and_strides_of_the_network(name):
    anatomy = traced(name)
    layers = layers_left(anatomy, anatomy.census())
    assert sum(layer.macs for layer in layers) == sum(layer.macs for layer in anatomy.census().layers)
    for layer in layers:
        module = anatomy.model.get_submodule(layer.name)
        assert layer.groups == getattr(module, "groups", 1)
        strided = getattr(module, "stride", (1, 1)) != (1, 1)
        assert layer.kind != "winograd" or not strided


def test_a_convolution_that_is_left_one_input_channel_is_not_taken_for_depthwise():
    anatomy = lenet()
    first = anatomy.removable[0].name
    kinds = [layer.kind for layer in layers_left(anatomy, anatomy.census({first: [0]}))]
    assert kinds[:2] == ["convolution", "convolution"]


def refusal(**given):
    with pytest.raises(UserError) as error:
        check_feasible(resolve(None, given), lenet())
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_latency_that_the_smallest_network_misses_is_refused_with_the_bound_and_the_bound_is_allowed():
    said = refusal(board="tx2", max_latency_ms=0.1)
    assert "--max-latency-ms is 0.1 and the smallest network that lenet5 can become is predicted to have" in said
    assert "on Jetson TX2 at fp16" in said
    least = float(said.split("predicted to have ")[1].split(" ms")[0])
    check_feasible(resolve(None, {"board": "tx2", "max_latency_ms": least}), lenet())
    refusal(board="tx2", max_latency_ms=0.99 * least)
    said = refusal(board="tx2", min_images_per_joule=1e5)
    most = float(said.split("predicted to have ")[1].split(" images/J")[0])
    check_feasible(resolve(None, {"board": "tx2", "min_images_per_joule": most}), lenet())
    refusal(board="tx2", min_images_per_joule=1.01 * most)


def test_predicted_budgets_that_the_ancestor_meets_are_refused_and_measured_ones_are_left_to_the_machine():
    said = refusal(board="tx2", max_latency_ms=100.0, min_images_per_joule=0.5)
    assert "--max-latency-ms is 100 and --min-images-per-joule is 0.5, and lenet5 has predicted" in said
    assert said.endswith("images/J already; set a tighter budget")
    check_feasible(resolve(None, {"max_latency_ms": 100.0, "measure_on": "local"}), lenet())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_latency_ms": 1.0}, "nothing says of which machine; add --board NAME"),
        ({"board": "tx3", "max_latency_ms": 1.0}, "there is no board 'tx3'; choose from: tx1, tx2"),
        ({"board": "nano", "min_images_per_joule": 5.0}, "energy of Jetson Nano at fp16 cannot be predicted"),
        ({"max_latency_ms": 1.0, "strategy": "generative"}, "such as tx2, whose figures are then predicted"),
        ({"board": "tx2", "measure_on": "local", "strategy": "generative"}, "use --strategy heredity, or --board NAME"),
    ],
    ids=str,
)
def test_a_budget_of_which_nothing_can_be_said_is_refused(given, words):
    assert words in refusal(**given)


@pytest.mark.parametrize("given", [{"max_latency_ms": 0.0}, {"min_images_per_joule": float("nan")}], ids=str)
def test_a_budget_that_is_no_positive_number_is_refused(given):
    with pytest.raises(UserError, match="--m"):
        resolve(None, given)


def test_evolve_prints_predictions_as_such_and_report_says_so_too(tmp_path, edgesynth):
    options = ["--task", QUICK["task"], "--ancestor-epochs", 0, "--epochs", 0, "--final-epochs", 0]
    options += ["--min-accuracy", 0, "--offspring", 1]
    limits = ["--board", "tx2", "--max-latency-ms", 0.64, "--strength", "magnitude", "--run", "run"]
    result = edgesynth("evolve", *options, *limits, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stdout.splitlines() if "predicted on Jetson TX2 (MAXN, fp16, batch 1)" in line]
    assert lines[0].startswith("g000-c0  ") and "0.662 ms ± 16 %" in lines[0] and "images/J ± 8 %" in lines[0]
    assert "meets every budget: predicted 0.6" in result.stdout
    page = tmp_path / "run" / "report.html"
    assert edgesynth("report", "run", cwd=tmp_path).returncode == 0
    assert "Predicted on Jetson TX2" in page.read_text() and "by the cost model, not measured" in page.read_text()


def test_a_run_aims_at_a_board_that_a_file_describes_and_is_resumed_and_replayed(tmp_path, edgesynth):
    facts = {**facts_of(find_board("tx2")), "name": "mine", "title": "My board"}
    (tmp_path / "mine.json").write_text(json.dumps(facts))
    options = ["--task", QUICK["task"], "--ancestor-epochs", 0, "--epochs", 0, "--final-epochs", 0]
    options += ["--min-accuracy", 0, "--offspring", 1, "--max-latency-ms", 0.64, "--strength", "magnitude"]
    result = edgesynth("evolve", *options, "--board", "mine.json", "--run", "run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    # The TX2's latency; no published figure has checked it on this board.
    lines = [line for line in result.stdout.splitlines() if "predicted on My board (MAXN, fp16, batch 1)" in line]
    assert lines[0].startswith("g000-c0  ") and "0.662 ms" in lines[0] and "±" not in lines[0]
    assert edgesynth("evolve", "--resume", "--run", "run", cwd=tmp_path).returncode == 0
    assert "bit for bit" in edgesynth("replay", "run", cwd=tmp_path).stdout
    (tmp_path / "mine.json").unlink()
    result = edgesynth("evolve", "--resume", "--run", "run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr  # the run has its own copy
