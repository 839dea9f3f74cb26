"""`--strength package.module:Class`: a strength that was written outside of the package."""

import sys

import pytest
import torch

from edgesynth.config import resolve
from edgesynth.errors import UserError
from edgesynth.evolution.preflight.options import check_options
from edgesynth.evolution.synthesis.strength import ImportedStrength, MagnitudeStrength, build_strength
from tests.evolution.test_strength import conv_bn, parent_of

SOURCE = """
import torch
from torch import nn
from edgesynth.anatomy import sum_over_clusters

class Squares:
    def synapses(self, parent):
        return {name: weight.square() - weight.square().max() for name, weight in parent.weights.items()}

    def clusters(self, parent):
        squares = {name: weight.square() for name, weight in parent.weights.items()}
        sums = {group.name: sum_over_clusters(group, squares) for group in parent.anatomy.removable}
        return {name: each - each.max() for name, each in sums.items()}

class Named(Squares):
    def __init__(self, power):
        self.power = power

class Half:
    def synapses(self, parent):
        return {}

class Raising(Squares):
    def synapses(self, parent):
        return parent.wights

class Listing(Squares):
    def clusters(self, parent):
        return list(parent.anatomy.removable)

class Partial(Squares):
    def clusters(self, parent):
        return {}

class Flat(Squares):
    def clusters(self, parent):
        return {name: each.sum() for name, each in super().clusters(parent).items()}

class Positive(Squares):
    def clusters(self, parent):
        return {name: -each for name, each in super().clusters(parent).items()}

class Unknown(Squares):
    def clusters(self, parent):
        return {name: each * float("nan") for name, each in super().clusters(parent).items()}

def build():
    return Squares()

def network():
    layers = [nn.Conv2d(1, 6, 7, stride=5), nn.ReLU(), nn.Flatten(), nn.Linear(150, 20), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(20, 10))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with a module of the user's."""
    (tmp_path / "ownstrength.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    sys.modules.pop("ownstrength", None)


def test_a_class_of_one_s_own_weighs_the_parent(folder):
    parent = parent_of(conv_bn(), 1, 1, 4, 4)
    strength = build_strength("ownstrength:Squares")
    squares = parent.weights["0.weight"].double().square()
    assert torch.allclose(strength.synapses(parent)["0.weight"], squares - squares.max())
    sums = squares.flatten(1).sum(1)
    assert torch.allclose(strength.clusters(parent)["0"], sums - sums.max())
    assert strength.clusters(parent)["0"].dtype == torch.float64


def test_a_class_of_the_package_by_its_path_is_what_it_is_by_its_name():
    path = "edgesynth.evolution.synthesis.strength.magnitude:MagnitudeStrength"
    parent = parent_of(conv_bn(), 1, 1, 4, 4)
    assert torch.equal(ImportedStrength(path).clusters(parent)["0"], MagnitudeStrength().clusters(parent)["0"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nosuchmodule:Squares", r"there is no module 'nosuchmodule' for nosuchmodule:Squares; it must be installed"),
        ("ownstrength:Square", r"ownstrength has no 'Square' .*; near it are Squares"),
        ("ownstrength:build", r"--strength ownstrength:build is of type function; it must be a class with the methods"),
        ("ownstrength:Half", r"--strength ownstrength:Half has no method clusters; it must have synapses\(parent\)"),
        ("ownstrength:Named", r"--strength ownstrength:Named: .*without arguments raised TypeError: .*'power'"),
    ],
)
def test_what_is_no_strength_is_refused_with_the_options(folder, name, message):
    with pytest.raises(UserError, match=message):
        check_options(resolve(None, {"strength": name}))


@pytest.mark.parametrize("name", ["squares", "ownstrength:", ":Squares", "a:b:c"])
def test_what_is_neither_a_name_nor_a_path_is_refused_with_the_names(name):
    with pytest.raises(UserError, match=rf"--strength is {name}; it must be 'magnitude', .*package.module:Class"):
        resolve(None, {"strength": name})


@pytest.mark.parametrize(
    ("name", "method", "message"),
    [
        ("Raising", "synapses", r"synapses\(parent\) raised AttributeError: .*wights.*ownstrength.py line"),
        ("Listing", "clusters", r"clusters\(parent\) gave a value of type list; it must give a dict of tensors"),
        ("Partial", "clusters", r"clusters\(parent\) gave 0 names and 1 are asked for; 0 is in one of them alone"),
        ("Flat", "clusters", r"clusters\(parent\) gave \(\) for 0; it must be a tensor of \(3,\)"),
        ("Positive", "clusters", r"clusters\(parent\) gave [\d.]+ for 0; a viability is .* at most 0"),
        ("Unknown", "clusters", r"clusters\(parent\) gave nan for 0; a viability is"),
    ],
)
def test_what_a_strength_gives_is_checked(folder, name, method, message):
    parent = parent_of(conv_bn(), 1, 1, 4, 4)
    with pytest.raises(UserError, match=rf"^--strength ownstrength:{name}: {message}"):
        getattr(build_strength(f"ownstrength:{name}"), method)(parent)


def test_a_normalizer_is_for_the_strengths_of_the_package_that_have_one(folder):
    with pytest.raises(UserError, match="--normalizer is percentile and --strength ownstrength:Squares has no Z"):
        build_strength("ownstrength:Squares", "percentile")


def test_the_papers_environment_takes_a_strength_of_one_s_own(folder):
    check_options(resolve(None, {"strength": "ownstrength:Squares", "environment": "faithful"}))


def test_a_run_is_bred_resumed_and_replayed_with_it(folder, edgesynth):
    options = ["--ancestor", "ownstrength:network", "--ancestor-epochs", 1, "--epochs", 1, "--final-epochs", 1]
    options += ["--generations", 2, "--offspring", 1, "--min-accuracy", 0, "--strength", "ownstrength:Squares"]
    result = edgesynth("evolve", *options, "--run", "run", cwd=folder)
    assert result.returncode == 0, result.stderr
    kept = (folder / "run/individuals/g002-c0/genome.json").read_bytes()
    (folder / "run/individuals/g002-c0/individual.json").unlink()
    result = edgesynth("evolve", "--resume", "--run", "run", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert (folder / "run/individuals/g002-c0/genome.json").read_bytes() == kept
    result = edgesynth("replay", "run:g002-c0", cwd=folder)
    assert result.returncode == 0 and "is bit for bit" in result.stdout, result.stdout + result.stderr


def test_workers_on_ray_find_it_where_the_command_did(folder, edgesynth, console_script):
    pytest.importorskip("ray", reason="ray is not installed: pip install 'edgesynth[ray]'")
    options = ["--ancestor", "ownstrength:network", "--ancestor-epochs", 1, "--epochs", 1, "--final-epochs", 1]
    options += ["--generations", 1, "--min-accuracy", 0, "--threads", 1, "--strength", "ownstrength:Squares"]
    genomes = []
    for run, executor, call in (("here", "process", edgesynth), ("there", "ray", console_script)):
        result = call("evolve", *options, "--run", run, "--executor", executor, cwd=folder)
        assert result.returncode == 0, result.stderr
        genomes.append([(folder / run / f"individuals/g001-c{n}/genome.json").read_bytes() for n in (0, 1)])
    assert genomes[0] == genomes[1]
