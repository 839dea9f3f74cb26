"""Ctrl-C: what was measured is kept and flagged, nothing is left running, the exit code is 130."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import with_tensorrt
from .sensors import Sensors, tx2

pytestmark = pytest.mark.slow

STOPPED = "edgesynth: stopped by Ctrl-C; what had finished is kept"


@pytest.fixture
def begin(tmp_path):
    """Start the command; it ends with the test."""
    running = []

    def start(*arguments, **environment):
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "edgesynth"), *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Where the tests themselves run in the background, Ctrl-C is ignored and that is inherited.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def _lines(text):
    # click ends the line on which the terminal shows ^C.
    return [line for line in text.splitlines() if line]


def _wait_for_line(process, begins):
    for line in process.stderr:
        if line.startswith(begins):
            return
    pytest.fail(f"no line began with {begins!r}")


def _wait_for_build(process, mark):
    deadline = time.monotonic() + 60
    while not mark.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)  # it has called back since


def test_a_run_that_is_stopped_leaves_what_it_measured_and_says_so(begin, bundle, edgesynth):
    process = begin("benchmark", bundle, "--precision", "fp32", "--duration-s", "60", "--warm-up-s", "0", "--idle-s", 0)
    _wait_for_line(process, "measuring ")
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err.splitlines()[-1]) == (130, STOPPED)
    assert "interrupted: stopped by Ctrl-C before its time was over" in out
    result = json.loads((bundle / "result.json").read_text())
    (one,) = result["measurements"]
    assert result["interrupted"] is True
    assert any(flag.startswith("interrupted: ") for flag in one["flags"])
    # Whole windows of a quarter of a second, not all of the sixty.
    seconds = sum(one["samples_ms"]) / 1e3
    assert 0.2 < seconds < 10
    assert one["throughput_images_per_s"] == pytest.approx(len(one["samples_ms"]) / seconds, rel=0.05)
    assert edgesynth("benchmark", bundle, "--precision", "fp32", "--duration-s", "0.05")[0] == 0  # the lock is free


def test_stopped_before_anything_was_timed_nothing_is_written(begin, bundle):
    process = begin("benchmark", bundle, "--precision", "fp32", "--duration-s", "1", "--warm-up-s", "60")
    _wait_for_line(process, "measuring ")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err.splitlines()[-1]) == (130, "", STOPPED)
    assert not (bundle / "result.json").exists()


SAMPLED = """
import os, signal, sys, threading
from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.power import Ina3221
from edgesynth.benchmark.measure.run import InterruptedRunError, measure
from edgesynth.benchmark.measure.settings import Settings
signal.signal(signal.SIGINT, signal.default_int_handler)
meter = Ina3221.find(sys.argv[2])
opened = meter.open
def watched(busy_cores=1):
    opened(busy_cores)
    print(meter._sampler.process.pid, flush=True)
    threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
meter.open = watched
try:
    measure(open_target(sys.argv[1]), settings=Settings((1,), 60.0, 0.0, 1, 0.0), meter=meter)
except InterruptedRunError as stop:
    print(len(stop.result["measurements"]))
except KeyboardInterrupt:
    print(0)
"""


def test_the_sampler_of_the_power_ends_with_the_run(bundle, tmp_path):
    tx2(Sensors(tmp_path / "sys"))
    command = [sys.executable, "-c", SAMPLED, str(bundle), str(tmp_path / "sys")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    sampler = int(done.stdout.split()[0])
    with pytest.raises(ProcessLookupError):
        os.kill(sampler, 0)


def test_ctrl_c_in_a_build_is_heeded_when_the_build_is_over_and_its_plan_kept(begin, tensorrt_bundle, tmp_path):
    machine = with_tensorrt("8.2.1.8", "6.2", tmp_path / "cache")
    arguments = ("benchmark", tensorrt_bundle, "--precision", "fp16", "--duration-s", "0.05")
    process = begin(*arguments, **machine, STANDIN_BUILD_S="1", STANDIN_BUILDS=str(tmp_path / "builds"))
    _wait_for_build(process, tmp_path / "builds")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, ""), err
    assert _lines(err) == [
        "Ctrl-C: TensorRT cannot be stopped within a build; this one is finished and kept, then it ends "
        "(again: at once)",
        STOPPED,
    ]
    process = begin(*arguments, **machine)
    assert process.wait(20) == 0
    (one,) = json.loads((tensorrt_bundle / "result.json").read_text())["measurements"]
    assert one["built"]["from_cache"] is True


def test_ctrl_c_in_a_build_that_fails_does_not_go_on_with_half_the_batch(begin, tensorrt_bundle, tmp_path):
    little = {"STANDIN_BUILD_S": "1", "STANDIN_BUILDS": str(tmp_path / "builds"), "STANDIN_MEMORY": "1000000"}
    machine = with_tensorrt("8.2.1.8", "6.2", tmp_path / "cache", **little)
    process = begin("benchmark", tensorrt_bundle, "--precision", "fp16", "--batch", "4096", **machine)
    _wait_for_build(process, tmp_path / "builds")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert [line.split(":")[0] for line in _lines(err)] == ["Ctrl-C", "edgesynth"], err


def test_the_second_ctrl_c_ends_a_build_at_once(begin, tensorrt_bundle, tmp_path):
    building = {"STANDIN_BUILD_S": "60", "STANDIN_BUILDS": str(tmp_path / "builds")}
    machine = with_tensorrt("8.2.1.8", "6.2", tmp_path / "cache", **building)
    process = begin("benchmark", tensorrt_bundle, "--precision", "fp16", **machine)
    _wait_for_build(process, tmp_path / "builds")
    process.send_signal(signal.SIGINT)
    _wait_for_line(process, "Ctrl-C: ")
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 130
    assert not (tensorrt_bundle / "result.json").exists()


def test_a_run_on_tensorrt_that_is_stopped_gives_the_gpu_back_in_order(begin, tensorrt_bundle, tmp_path):
    machine = with_tensorrt("8.2.1.8", "6.2", tmp_path / "cache")
    process = begin("benchmark", tensorrt_bundle, "--precision", "fp32,fp16", "--duration-s", "60", **machine)
    _wait_for_line(process, "measuring ")
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, _lines(err)) == (130, [STOPPED])
    result = json.loads((tensorrt_bundle / "result.json").read_text())
    assert [one["precision"] for one in result["measurements"]] == ["fp32", "fp16"]
    assert all(one["compute_ms"] is None for one in result["measurements"])


LEFT_RUNNING = """
import sys
import numpy as np
from edgesynth.benchmark.bundle.bundle import open_target
from edgesynth.benchmark.engines.tensorrt.engine import TensorRt
model = open_target(sys.argv[1]).model("fp32")
engine = TensorRt()
engine.load(model.path, "fp32", 1, 1)
def stopped(stream):
    raise KeyboardInterrupt
engine._lanes[0]._output.download = stopped
try:
    engine.run(np.zeros((1,) + engine.input_shape, np.float32))
except KeyboardInterrupt:
    print("stopped")
"""


def test_what_ctrl_c_left_running_on_the_gpu_ends_before_its_engine_goes(tensorrt_bundle, tmp_path):
    machine = with_tensorrt("8.2.1.8", "6.2", tmp_path / "cache")
    command = [sys.executable, "-c", LEFT_RUNNING, str(tensorrt_bundle)]
    done = subprocess.run(command, env={**os.environ, **machine}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\n", "")
