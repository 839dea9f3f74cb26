"""What runs on the board reads, and where an interpreter is at hand runs, under Python 3.6."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edgesynth.boards.probed import read_table
from edgesynth.boards.probed.grid import read_grid
from edgesynth.files.json_file import sealed

from .conftest import LAYERS, REPOSITORY, scale, seal, with_tensorrt
from .probe.grid.networks import residual
from .probe.test_model_layers import network, save
from .sensors import Sensors, tx2
from .test_verification import overflow, with_half

pytestmark = pytest.mark.slow

COMMANDS_ON_BOARD = [
    *(f"cli/{name}__init__.py" for name in ("", "commands/", "options/", "terminal/")),
    *(f"cli/commands/{name}.py" for name in ("benchmark", "compare", "probe", "verify")),
    *("cli/options/shared_options.py", "cli/terminal/logs.py", "cli/terminal/output.py"),
]
FILES = ("__init__.py", "children.py", "defaults.py", "errors.py", "printable.py", "text_table.py")
PARTS = (*FILES, "benchmark", "boards", "files", "metrics")
ON_BOARD = (*PARTS, *COMMANDS_ON_BOARD)
PACKAGES = REPOSITORY / "docker/requirements-board.txt"


def _vermin(*paths):
    command = [sys.executable, "-c", "from vermin import main; main()", "-t=3.6-", "--violations", "--no-tips"]
    done = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_the_files_of_the_board_need_no_more_than_python_36():
    code, report = _vermin(*(REPOSITORY / "edgesynth" / path for path in ON_BOARD))
    assert code == 0, report


@pytest.mark.parametrize(
    "line",
    [
        "if (size := 3) > 2: pass",
        "print(f'{size=}')",
        "import dataclasses",
        "import time; time.perf_counter_ns()",
        "from __future__ import annotations",
    ],
)
def test_the_check_sees_what_the_board_cannot_read(tmp_path, line):
    (tmp_path / "young.py").write_text(line + "\n")
    code, report = _vermin(tmp_path / "young.py")
    assert code == 1, report


def _runs(*command):
    try:
        return subprocess.run(command, capture_output=True, timeout=300).returncode == 0
    except OSError:
        return False


def _interpreter():
    candidates = [str(path) for path in sorted(Path.home().glob(".pyenv/versions/3.6*/bin/python"))]
    for candidate in [*candidates, "python3.6"]:
        # A shim on the PATH may stand for a version that is not installed.
        if _runs(candidate, "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 6))"):
            return candidate
    return None


@pytest.fixture(scope="session")
def python36():
    """An interpreter with what a board has; made once, kept in the user's cache."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgesynth" / "tests" / "python36"
    python = str(folder / "bin" / "python")
    ready = "import click, numpy, onnxruntime"
    if not _runs(python, "-c", ready):
        interpreter = _interpreter()
        if interpreter is None:
            pytest.skip("no Python 3.6 here (looked at pyenv's versions and for python3.6 on the PATH)")
        if not _runs(interpreter, "-m", "venv", "--clear", str(folder)):
            pytest.skip(f"{interpreter} cannot make a virtual environment in {folder}")
        for packages in (("pip==21.3.1",), ("--no-deps", "-r", str(PACKAGES))):
            if not _runs(python, "-m", "pip", "install", "-q", *packages):
                pytest.skip(f"pip under Python 3.6 cannot install {packages[-1]}: no index can be reached?")
    return python


@pytest.fixture
def edgesynth36(python36, tmp_path):
    quiet = {"PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}

    def run(*arguments, **environment):
        command = [python36, "-W", "error::SyntaxWarning", "-c", "from edgesynth.cli import main; main()"]
        done = subprocess.run(
            [*command, *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment, **quiet},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_a_bundle_is_measured_under_python_36(edgesynth36, bundle):
    code, _, err = edgesynth36("benchmark", bundle, "--duration-s", "0.05", "--warm-up-s", "0", "--batch", "1,5")
    assert code == 0, err
    result = json.loads((bundle / "result.json").read_text())
    assert result["machine"]["python"].startswith("3.6.")
    assert result["engine"]["version"] == "1.10.0"
    figures = {(one["precision"], one["batch"]): one for one in result["measurements"]}
    assert sorted(figures) == [("fp32", 1), ("fp32", 5), ("int8", 1), ("int8", 5)]
    assert figures["fp32", 5]["accuracy_percent"] == 75.0
    assert figures["fp32", 5]["max_abs_error"] < 1e-4
    assert 1e-4 < figures["int8", 5]["max_abs_error"] < 0.5


def test_fp16_is_verified_as_a_device_stores_it_under_python_36(edgesynth36, verifiable):
    """ONNX Runtime 1.10 leaves out the way through FP16 wherever it optimizes: it must not here."""
    with_half(verifiable)
    code, out, err = edgesynth36("verify", verifiable)
    assert code == 0, out + err
    overflow(verifiable)
    code, out, err = edgesynth36("verify", verifiable)
    assert code == 1 and "bad: onnx fp16 (model.fp16.onnx): its outputs hold nan or infinity" in out, out + err


def test_tensorrt_82_of_a_tx2_is_measured_under_python_36(edgesynth36, tensorrt_bundle, tmp_path):
    tx2 = with_tensorrt("8.2.1.8", "6.2", tmp_path / "cache")
    code, _, err = edgesynth36("benchmark", tensorrt_bundle, "--duration-s", "0.05", "--batch", "1,5", **tx2)
    assert code == 0, err
    result = json.loads((tensorrt_bundle / "result.json").read_text())
    assert result["machine"]["python"].startswith("3.6.")
    assert (result["engine"]["name"], result["engine"]["version"]) == ("tensorrt", "8.2.1.8")
    figures = {(one["precision"], one["batch"]): one for one in result["measurements"]}
    assert sorted(figures) == [(name, batch) for name in ("fp16", "fp32", "int8") for batch in (1, 5)]
    assert figures["fp32", 5]["max_abs_error"] < 1e-4
    assert 1e-5 < figures["fp16", 5]["max_abs_error"] < 1e-2 < figures["int8", 5]["max_abs_error"] < 0.5


def test_a_calibrated_single_stream_that_blocks_is_measured_under_python_36(edgesynth36, tensorrt_bundle, tmp_path):
    tx2 = with_tensorrt("8.2.1.8", "6.2", tmp_path / "cache", STANDIN_MEMORY="1000000")
    how = ("--precision", "int8", "--calibrate", "samples", "--wait", "block", "--duration-s", "0.1")
    code, out, err = edgesynth36("benchmark", tensorrt_bundle, *how, "--scenario", "single-stream", **tx2)
    assert code == 0, err
    assert "int8 x1, single-stream: p90 " in out
    result = json.loads((tensorrt_bundle / "result.json").read_text())
    (one,) = result["measurements"]
    assert (result["engine"]["wait"], one["scenario"]["name"]) == ("block", "single-stream")
    assert one["built"]["source"] == "model.onnx + entropy calibration on samples.npz"
    code, _, err = edgesynth36("benchmark", tensorrt_bundle, *how, "--scenario", "offline", "--batch", "4096", **tx2)
    assert code == 0, err
    (one,) = json.loads((tensorrt_bundle / "result.json").read_text())["measurements"]
    assert (one["asked_batch"], one["batch"]) == (4096, 128)


def test_a_bundle_is_verified_under_python_36(edgesynth36, verifiable):
    code, out, err = edgesynth36("verify", verifiable)
    assert code == 0, err
    assert out.splitlines()[-1] == "4 files and 16 samples: all as exported"
    scale(verifiable / "model.onnx", "conv", 1.01)
    seal(verifiable)
    code, out, err = edgesynth36("verify", verifiable)
    assert code == 1, err
    assert f"first bad layer of model.onnx: {LAYERS[0]} (its tensor a is off by about 0.01 of its size)" in out


def test_without_a_command_click_80_prints_help_and_all_is_well(edgesynth36):
    code, out, err = edgesynth36()
    assert (code, err) == (0, "")
    assert out.startswith("Usage: edgesynth [OPTIONS] COMMAND")


POWER = """
import json, sys, time
from edgesynth.benchmark.power import find, opened
with opened(find(sys.argv[1])) as meter:
    meter.start()
    time.sleep(0.4)
    reading = meter.stop()
print(json.dumps([sys.version_info[:2], meter.name, reading.reason, reading.rails_mj, reading.duration_s]))
"""


def test_the_sampler_runs_under_python_36_out_of_a_zip_file(tmp_path):
    interpreter = _interpreter()
    if interpreter is None:
        pytest.skip("no Python 3.6 here (looked at pyenv's versions and for python3.6 on the PATH)")
    tx2(Sensors(tmp_path / "sys"))
    with zipfile.ZipFile(tmp_path / "board.pyz", "w") as archive:
        for path in PARTS:
            for file in [REPOSITORY / "edgesynth" / path, *(REPOSITORY / "edgesynth" / path).rglob("*")]:
                if file.suffix in (".py", ".json"):
                    archive.write(file, file.relative_to(REPOSITORY))
    done = subprocess.run(
        [interpreter, "-c", POWER, str(tmp_path / "sys")],
        cwd=tmp_path,
        env=dict(os.environ, PYTHONPATH=str(tmp_path / "board.pyz"), LC_ALL="C.UTF-8"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    version, name, reason, rails_mj, duration_s = json.loads(done.stdout)
    assert (version, name, reason) == ([3, 6], "ina3221", None)
    assert rails_mj["VDD_IN"] == pytest.approx(7358 * duration_s)


def test_results_are_compared_under_python_36(edgesynth36, bundle, tmp_path):
    quick = ("--precision", "fp32", "--duration-s", "0.2", "--warm-up-s", "0.1")
    for name in ("a.json", "b.json"):
        code, _, err = edgesynth36("benchmark", bundle, *quick, "-o", name)
        assert code == 0, err
    code, out, err = edgesynth36("compare", "a.json", "b.json", "--tolerance", "10000")
    assert code == 0, err
    assert out.splitlines()[-1] == "no regression"
    worse = json.loads((tmp_path / "b.json").read_text())
    worse["measurements"][0]["accuracy_percent"] -= 1
    (tmp_path / "b.json").write_text(json.dumps(sealed(worse)))
    code, out, err = edgesynth36("compare", "a.json", "b.json", "--tolerance", "10000")
    assert (code, out.splitlines()[-1]) == (
        1,
        "regression: b.json: fp32 x1: 1.00 points of accuracy lost (0.5 allowed)",
    )


@pytest.mark.parametrize("engine", ["onnxruntime 1.10.0", "tensorrt 8.2.1.8"])
def test_layers_are_probed_under_python_36(edgesynth36, tmp_path, engine):
    machine = with_tensorrt("8.2.1.8", "6.2", tmp_path / "cache") if engine.startswith("tensorrt") else {}
    model = save(network(), tmp_path / "model.onnx")
    quick = ("--each-s", "0.01", "--warm-up-s", "0", "--finest", "32")
    code, out, err = edgesynth36("probe", model, "-o", "t.json", *quick, **machine)
    assert code == 0, err
    table = read_table(str(tmp_path / "t.json"))
    assert table.facts["machine"]["python"].startswith("3.6.")
    assert table.engine == engine
    assert sum(len(stairs.steps) for stairs in table.staircases.values()) == int(out.split("all ")[1].split()[0])


def test_a_grid_is_measured_under_python_36(edgesynth36, tmp_path):
    model = residual(tmp_path / "model.onnx")
    code, out, err = edgesynth36("probe", model, "--grid", "-o", "g.json")
    assert code == 0, out + err
    grid = read_grid(str(tmp_path / "g.json"))
    assert grid.facts["machine"]["python"].startswith("3.6.") and grid.facts["engine"]["version"] == "1.10.0"
    assert len(grid.layers) == 2 and "Add+Relu+GlobalAveragePool+Flatten after Pad+Slice" in grid.beside


def test_a_damaged_bundle_is_one_line_under_python_36(edgesynth36, bundle):
    (bundle / "model.onnx").write_bytes(b"x")
    code, out, err = edgesynth36("benchmark", bundle)
    assert (code, out) == (2, "")
    assert err.startswith("edgesynth: ")
    assert err.count("\n") == 1


def test_a_command_of_the_workstation_says_so_under_python_36(edgesynth36):
    code, _, err = edgesynth36("evolve")
    assert code == 2
    assert "edgesynth evolve needs Python 3.10 or newer and torch, and this is Python 3.6" in err
