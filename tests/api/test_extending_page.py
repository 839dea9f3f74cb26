"""docs/extending.md and docs/python.md: their examples are taken as they stand."""

import json
import os
import re
import subprocess
import sys

import pytest
import torch

from edgesynth.api.deployment import measure
from edgesynth.boards.board_file import _FIELDS
from edgesynth.boards.detect import board_named
from edgesynth.evolution.synthesis.strength import build_strength
from tests.benchmark.conftest import bundle, pristine_bundle  # noqa: F401  (fixtures)
from tests.conftest import ROOT
from tests.evolution.test_strength import conv_bn, parent_of

EXTENDING, PYTHON = ((ROOT / "docs" / name).read_text() for name in ("extending.md", "python.md"))


def example(page, name):
    return re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)```", page, re.DOTALL)[1]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with the files of the page."""
    for name, file in (("strength", "mystrengths.py"), ("engine", "myengines.py"), ("board", "mine.json")):
        (tmp_path / file).write_text(example(EXTENDING, name))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for module in ("mystrengths", "myengines"):
        sys.modules.pop(module, None)


def test_the_strength_of_the_page_weighs_a_parent(folder):
    parent = parent_of(conv_bn(), 1, 1, 4, 4)
    sums = parent.weights["0.weight"].double().square().flatten(1).sum(1)
    assert torch.allclose(build_strength("mystrengths:Energy").clusters(parent)["0"], (sums / sums.max()).log())
    assert build_strength("mystrengths:Energy").synapses(parent)["4.weight"].max() == 0


def test_the_board_of_the_page_is_read_and_each_of_its_fields_has_a_line(folder):
    board = board_named("mine.json")
    assert (board.title, board.peak_gops("int8")) == ("My board", 32768 * 1.02)
    lines = re.findall(r"^\| (`.*?) \|", EXTENDING, re.MULTILINE)
    told = {name for line in lines for name in re.findall(r"`(\w+)`", line)}
    assert set(_FIELDS) == told and set(json.loads((folder / "mine.json").read_text())) <= told


def test_the_engine_of_the_page_measures_a_bundle(folder, bundle):  # noqa: F811
    result = measure(bundle, engine="myengines:Reference", duration_s=0.05, warm_up_s=0.0, idle_s=0.0)
    assert result["engine"]["name"] == "reference"
    assert [(one["precision"], one["accuracy_percent"]) for one in result["measurements"]] == [("fp32", 75.0)]


def test_the_journey_in_python_is_as_it_is_written(tmp_path):
    quick = "ancestor_epochs=1, epochs=1, final_epochs=1, min_accuracy=0, strength='random', offspring=1"
    program = example(PYTHON, "journey").replace('"lenet5"', '"tests.small_lenet:build"')
    program = program.replace("max_synapses=100_000", f"max_synapses=10_000, {quick}")
    program = program.replace("output=", "duration_s=0.05, warm_up_s=0, idle_s=0, output=")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # where the ancestor of the tests is
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "ancestor" / "model.onnx").is_file() and "Build(precision='fp16'" in result.stdout
