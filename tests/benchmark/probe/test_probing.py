"""A probe of a real model on ONNX Runtime: what it writes, that it goes on, and what it refuses."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import onnx
import pytest

from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.probe.probing import probe
from edgesynth.benchmark.probe.settings import ProbeSettings
from edgesynth.boards.probed import read_table
from edgesynth.errors import UserError
from edgesynth.files.json_file import sealed
from tests.planning.cost.sketch import Graph

from ..conftest import with_tensorrt
from .test_model_layers import network, save

QUICK = ProbeSettings(each_s=0.01, warm_up_s=0, finest=4)


@pytest.fixture
def model(tmp_path):
    return save(network(), tmp_path / "model.onnx")


def measured(path):
    return {
        (stairs.shape, step.width): step for stairs in read_table(path).staircases.values() for step in stairs.steps
    }


def test_every_layer_is_measured_from_one_channel_to_its_own(model, tmp_path):
    output = str(tmp_path / "t.json")
    found = probe(open_target(model), output, "onnxruntime", None, QUICK)
    stairs = read_table(output).staircases
    assert sorted(one.steps[-1].width for one in stairs.values()) == [10, 16, 16, 20, 24, 32]
    assert {one.steps[0].width for one in stairs.values()} == {1, 4}  # a convolution of four groups has four at least
    assert found.done == found.wanted == len(measured(output))
    assert (found.table.precision, found.table.batch) == ("fp32", 1) and found.table.call_ms > 0


def test_a_layer_of_far_more_arithmetic_takes_longer(tmp_path):
    graph = Graph((32, 32, 32))
    path = save(graph.model(graph.conv("images", 32, 128)), tmp_path / "m.onnx")
    output = str(tmp_path / "t.json")
    probe(open_target(path), output, "onnxruntime", None, QUICK._replace(finest=127, each_s=0.1, warm_up_s=0.02))
    (stairs,) = read_table(output).staircases.values()
    # 37.7 million multiply-adds against 0.3 million, or 4.7 million where the runtime fills a block of 16 channels.
    assert stairs.ms(128) > 3 * stairs.ms(1) and stairs.ms(128) > 0.05


def test_a_stopped_probe_goes_on_where_it_was_and_measures_nothing_twice(model, tmp_path):
    output = str(tmp_path / "t.json")
    first = probe(open_target(model), output, "onnxruntime", None, QUICK._replace(duration_s=0.3))
    assert 0 <= first.done < first.wanted
    before = measured(output)
    second = probe(open_target(model), output, "onnxruntime", None, QUICK)
    after = measured(output)
    assert second.done == second.wanted == len(after)
    assert {key: after[key] for key in before} == before


def test_a_killed_probe_leaves_a_whole_table(model, tmp_path):
    output = tmp_path / "t.json"
    command = [str(Path(sys.executable).parent / "edgesynth"), "probe", model, "-o", str(output)]
    command += ["--engine", "onnxruntime", "--finest", "1", "--each-s", "0.05", "--warm-up-s", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert any(line.startswith("[") for line in process.stderr)  # the first rung is measured
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(measured(str(output))) >= 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"precision": "fp16"}, "holds a probe of precision fp16 and this one is of fp32; choose another -o"),
        ({"batch": 4}, "of batch 4"),
        ({"board": "tx2"}, "of board tx2 and this one is of None"),
        ({"power_mode": "MAXN"}, "of power mode MAXN"),
        ({"kind": "benchmark"}, "is not a table"),
    ],
)
def test_a_table_of_something_else_is_neither_gone_on_with_nor_touched(model, tmp_path, change, why):
    output = tmp_path / "t.json"
    probe(open_target(model), str(output), "onnxruntime", None, QUICK._replace(duration_s=1e-6))
    output.write_text(json.dumps(sealed(dict(json.loads(output.read_text()), **change))))
    before = output.read_bytes()
    with pytest.raises(UserError, match=why):
        probe(open_target(model), str(output), "onnxruntime", None, QUICK)
    assert output.read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"duration_s": 0}, "--duration-s is 0; it must be above 0"),
        ({"each_s": float("nan")}, "--each-s is nan"),
        ({"warm_up_s": -1}, "--warm-up-s is -1; it must be 0 or more"),
        ({"finest": 0}, "--finest is 0; it must be at least 1"),
        ({"input_widths": 0}, "--input-widths is 0"),
        ({"batch": 0}, "--batch is 0; it must be 1 to 4096"),
        ({"threads": 1000}, "--threads is 1000"),
    ],
)
def test_settings_out_of_range_are_refused_before_anything_is_written(model, tmp_path, settings, why):
    with pytest.raises(UserError, match=why):
        probe(open_target(model), str(tmp_path / "t.json"), "onnxruntime", None, QUICK._replace(**settings))
    assert not (tmp_path / "t.json").exists()


@pytest.mark.parametrize("precision", ["int8", "fp16", "bf16"])
def test_a_precision_that_the_engine_cannot_be_probed_at_is_refused(model, tmp_path, precision):
    with pytest.raises(UserError, match=f"onnxruntime cannot be probed at '{precision}'; choose from: fp32"):
        probe(open_target(model), str(tmp_path / "t.json"), "onnxruntime", precision, QUICK)


def test_a_quantized_file_is_refused(bundle, tmp_path):
    with pytest.raises(UserError, match="has no plain model"):
        probe(open_target(str(bundle / "model.int8-cpu.onnx")), str(tmp_path / "t.json"), settings=QUICK)


@pytest.mark.parametrize(
    ("version", "gpu", "precision"),
    [("8.2.1.8", "6.2", "fp16"), ("8.2.1.8", "6.2", "int8"), ("10.3.0.26", "8.7", "int8"), ("11.1.0.0", "8.7", "fp16")],
)
def test_every_generation_of_tensorrt_takes_the_files_and_none_of_their_plans_is_kept(
    edgesynth, tmp_path, version, gpu, precision
):
    graph = Graph((3, 8, 8))
    x = graph.node("Flatten", graph.conv(graph.conv("images", 3, 8), 8, 8, group=8))
    path = save(graph.model(graph.node("Gemm", x, graph.weight(10, 512), transB=1)), tmp_path / "m.onnx")
    machine = with_tensorrt(version, gpu, tmp_path / "cache")
    quick = ("--precision", precision, "--each-s", "0.01", "--warm-up-s", "0", "--finest", "8", "-o", "t.json")
    code, out, err = edgesynth("probe", path, *quick, **machine)
    assert code == 0, err
    facts = json.loads((tmp_path / "t.json").read_text())
    assert (facts["engine"]["name"], facts["engine"]["version"], facts["precision"]) == ("tensorrt", version, precision)
    assert "all 7 widths measured" in out
    assert not list((tmp_path / "cache").rglob("plan-*"))
    assert onnx.load(path).graph.node  # the model itself is left alone


def test_the_board_and_its_power_mode_are_in_the_table_that_plan_takes(model, tmp_path):
    root = tmp_path / "root"
    for file, text in {"proc/device-tree/model": "NVIDIA Jetson TX2\0", "tmp/nv_power_mode": "MAXN"}.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text)
    output = str(tmp_path / "t.json")
    probe(open_target(model), output, "onnxruntime", None, QUICK._replace(duration_s=0.5), root=str(root))
    table = read_table(output)
    assert (table.board, table.facts["power_mode"]) == ("tx2", "MAXN")
    assert time.strptime(table.facts["created_utc"], "%Y-%m-%dT%H:%M:%SZ")
