"""`load`, `write_bundle`, `plan`, `measure`, `compare` and `replay`: each command as a function."""

import copy

import pytest
import torch

import edgesynth
from edgesynth.errors import UserError
from edgesynth.tasks import load_task
from tests import tiny_ancestor

QUICK = {"generations": 1, "offspring": 1, "epochs": 1, "final_epochs": 1, "min_accuracy": 0.0, "strength": "random"}
SHORT = {"duration_s": 0.05, "warm_up_s": 0.0, "idle_s": 0.0, "precisions": ("fp32",)}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("functions") / "run"
    return edgesynth.evolve(tiny_ancestor.NAME, "digits", run=path, **QUICK, ancestor_epochs=1)


@pytest.fixture(scope="module")
def bundle(run):
    return edgesynth.write_bundle(run.path, samples=32)


@pytest.fixture(scope="module")
def images():
    return load_task("digits").load_test().images[:5]


def test_an_individual_is_loaded_as_a_module_of_its_own_class_that_can_be_trained_on(run, images):
    small, whole = edgesynth.load(run.path), edgesynth.load(f"{run.path}:g000-c0")
    assert type(small) is torch.nn.Sequential and not small.training
    assert small[3].out_features < whole[3].out_features == 20
    assert torch.equal(small(images), run.network()(images))
    before = small[5].weight.clone()
    small.train()(images).sum().backward()
    torch.optim.SGD(small.parameters(), 0.1).step()
    assert not torch.equal(small[5].weight, before)


def test_a_bundle_and_its_file_are_loaded_as_a_module_that_runs_the_file(run, bundle, images):
    network = edgesynth.load(bundle.path)
    assert network.input_shape == (1, 28, 28) and not network.training and list(network.parameters()) == []
    for batch in (images, images[:2]):
        assert torch.allclose(network(batch), run.network()(batch), atol=1e-5)
    file = edgesynth.load(bundle.path / "model.onnx")
    assert torch.equal(file(images), network(images)) and torch.equal(copy.deepcopy(file)(images), file(images))
    assert not network(images.requires_grad_()).requires_grad and network.eval() is network
    with pytest.raises(UserError, match=r"model.onnx is an ONNX file and cannot be trained; load the individual"):
        network.train()


def test_what_is_neither_a_run_nor_a_bundle_is_not_loaded(tmp_path):
    for source in (tmp_path, tmp_path / "model.onnx"):
        with pytest.raises(UserError, match=str(source)):
            edgesynth.load(source)


def test_an_individual_that_is_bred_again_is_the_same(run):
    replayed = edgesynth.replay(f"{run.path}:g001-c0")
    assert replayed and replayed.individual == "g001-c0"


def test_a_bundle_is_planned_for_a_board(bundle):
    planned = edgesynth.plan(bundle.path, "tx2", tensorrt="8.2", mode="MAXQ", batch=2)
    assert planned.will_run and planned.recommended.precision == "fp16" and planned.batch == 2
    assert (planned.board.name, planned.parser.name) == ("tx2", "TensorRT 8.2")
    assert edgesynth.plan(bundle.path, planned.board).board is planned.board
    with pytest.raises(UserError, match="there is no board 'tx9'"):
        edgesynth.plan(bundle.path, "tx9")


def test_results_are_measured_written_and_compared(bundle, tmp_path):
    one = edgesynth.measure(bundle.path, output=tmp_path / "one.json", engine="onnxruntime", **SHORT)
    assert [each["precision"] for each in one["measurements"]] == ["fp32"] and one["engine"]["name"] == "onnxruntime"
    edgesynth.measure(bundle.path, output=tmp_path / "two.json", engine="onnxruntime", **SHORT)
    comparison = edgesynth.compare(tmp_path / "one.json", tmp_path / "two.json", tolerance_percent=1e6)
    assert comparison.regressions == [] and comparison.path == str(tmp_path / "two.json")
    assert len(comparison.changes) == 1
