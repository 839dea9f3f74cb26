"""`benchmark --profile` by ONNX Runtime's own profiler."""

import json

import pytest

from edgesynth.benchmark.bundle.groups import GROUPS

from ..conftest import change
from ..engines.conftest import QUICK


def test_onnx_runtime_s_times_are_told_of_the_groups(named, edgesynth):
    code, out, err = edgesynth("benchmark", named, "--engine", "onnxruntime", *QUICK, "--profile")
    assert code == 0, err
    (measured,) = json.loads((named / "result.json").read_text())["measurements"]
    profile = measured["profile"]
    assert {group["name"] for group in profile["groups"]} == {"conv1", "block.0", "fc"}
    assert profile["runs"] == 50
    times = sum(group["ms"] for group in profile["groups"]) + profile["beside_ms"]
    assert times == pytest.approx(profile["total_ms"], abs=1e-4)
    assert "layers of fp32 x1 (median of 50 runs):" in out


def test_without_the_option_there_is_no_profile(named, edgesynth):
    edgesynth("benchmark", named, "--engine", "onnxruntime", *QUICK)
    (measured,) = json.loads((named / "result.json").read_text())["measurements"]
    assert measured["profile"] is None


def test_groups_of_another_form_in_a_manifest_are_one_line(named, edgesynth):
    change(named, **{GROUPS: [{"name": 3}]})
    code, _, err = edgesynth("benchmark", named, *QUICK)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "is not a manifest of edgesynth: groups.name is missing or of another kind" in err


def test_an_engine_without_a_profiler_refuses(named, edgesynth, tmp_path):
    (tmp_path / "plain.py").write_text(
        "from edgesynth.benchmark.engines.onnxruntime import OnnxRuntime\n"
        "from edgesynth.benchmark.engines.engine import Engine\n"
        "class Plain(OnnxRuntime):\n    name = 'plain'\n    check_ways = Engine.__dict__['check_ways']\n"
    )
    code, _, err = edgesynth("benchmark", named, "--engine", "plain:Plain", *QUICK, "--profile")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "plain has no --profile; leave it out, or use --engine tensorrt" in err
