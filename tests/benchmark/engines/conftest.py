"""A machine with TensorRT, played by the stand-in: the command in a process of its own."""

import json
import os
import subprocess
import sys

import pytest

from ..conftest import with_tensorrt

TX2, ORIN = "6.2", "8.7"
VERSIONS = {"8.2": "8.2.1.8", "8.6": "8.6.1.6", "10.3": "10.3.0.26", "10.16": "10.16.0.72", "11.1": "11.1.0.0"}
QUICK = ("--duration-s", "0.02", "--warm-up-s", "0")


@pytest.fixture
def on_tensorrt(edgesynth, tensorrt_bundle, tmp_path):
    """Measure the bundle, or another target: (exit code, its result or None, stdout, stderr)."""

    def run(version, gpu, *arguments, target=tensorrt_bundle, **environment):
        machine = with_tensorrt(VERSIONS[version], gpu, tmp_path / "cache", **environment)
        output = tmp_path / "measured.json"
        code, out, err = edgesynth("benchmark", target, *QUICK, "-o", output, *arguments, **machine)
        return code, json.loads(output.read_text()) if code == 0 else None, out, err

    return run


@pytest.fixture
def script(tmp_path):
    """Run lines of Python against the stand-in: what they print, or their last line of stderr."""

    def run(version, gpu, text):
        environment = {**os.environ, **with_tensorrt(VERSIONS[version], gpu, tmp_path / "cache")}
        done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]

    return run


def of(result, precision, batch=1):
    (one,) = [m for m in result["measurements"] if (m["precision"], m["batch"]) == (precision, batch)]
    return one
