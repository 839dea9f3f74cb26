"""A batch larger than memory: measured at a smaller one, and said so."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ..conftest import write_classifier
from .conftest import TX2, of

pytestmark = pytest.mark.slow

MEMORY = {"STANDIN_MEMORY": "1000000"}


def test_a_batch_that_cannot_be_built_is_measured_at_the_largest_half_that_can(on_tensorrt):
    code, result, out, err = on_tensorrt("8.2", TX2, "--precision", "fp32", "--batch", "1,4096", **MEMORY)
    assert code == 0, err
    # Building takes 16 times the images: 16 * 128 * 256 bytes are within a megabyte and twice as many are not.
    assert [(one["batch"], one["asked_batch"]) for one in result["measurements"]] == [(1, None), (128, 4096)]
    assert of(result, "fp32", 128)["accuracy_percent"] == 75.0
    assert "OutOfMemory (no further information)" in err
    assert "trying x128" in err and "trying x64" not in err
    assert "smaller batch: 4096 were asked for and do not fit the memory; 128 is measured" in out


def test_a_plan_that_finds_no_memory_to_run_in_is_tried_smaller(on_tensorrt):
    arguments = ("8.2", TX2, "--precision", "fp32", "--batch", "4096")
    assert on_tensorrt(*arguments)[0] == 0
    code, result, _, err = on_tensorrt(*arguments, **MEMORY)
    assert code == 0, err
    assert "fp32 x4096 does not fit the memory" in err and "gets no memory to run in" in err
    assert result["measurements"][0]["batch"] == 128


def test_a_half_that_is_measured_anyway_is_not_measured_twice(on_tensorrt):
    code, result, out, err = on_tensorrt("8.2", TX2, "--precision", "fp32", "--batch", "64,256", **MEMORY)
    assert code == 0, err
    assert [one["batch"] for one in result["measurements"]] == [64, 128]
    code, result, out, err = on_tensorrt("8.2", TX2, "--precision", "fp32", "--batch", "128,256", **MEMORY)
    assert code == 0, err
    assert [one["batch"] for one in result["measurements"]] == [128]
    assert result["left_out"] == ["fp32 x256 does not fit the memory; x128 is measured anyway"]
    assert "not measured: fp32 x256 does not fit the memory; x128 is measured anyway" in out


@pytest.mark.parametrize("batch, memory", [("1", "2000"), ("4096", "2000")])
def test_not_even_one_image_is_one_line_of_the_batch_that_was_asked_for(on_tensorrt, batch, memory):
    code, _, _, err = on_tensorrt("8.2", TX2, "--precision", "fp32", "--batch", batch, STANDIN_MEMORY=memory)
    assert code == 2
    assert f"at fp32 and batch {batch} (" in err.splitlines()[-1]
    assert "OutOfMemory" in err.splitlines()[-1]


def test_a_fixed_batch_that_does_not_fit_is_not_called_a_wrong_batch(on_tensorrt, tmp_path):
    path = write_classifier(tmp_path / "fixed.onnx", batch=512)
    code, _, _, err = on_tensorrt("8.2", TX2, "--batch", "512", target=path, **MEMORY)
    assert code == 2
    assert "OutOfMemory" in err.splitlines()[-1] and "is fixed at" not in err.splitlines()[-1]


def _wide(path):
    """One image of 256 KiB becomes 16 MiB inside."""
    nodes = [
        helper.make_node("Conv", ["images", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["a"], ["b"]),
    ]
    graph = helper.make_graph(
        nodes,
        "wide",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 256, 256])],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, ["n", 64, 1, 1])],
        [numpy_helper.from_array(np.ones((64, 1, 3, 3), np.float32), "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), str(path))
    return path


def test_onnx_runtime_that_really_runs_out_of_memory_is_given_a_smaller_batch(tmp_path):
    path = _wide(tmp_path / "wide.onnx")
    script = (
        "import resource, sys\n"
        "from edgesynth.benchmark.bundle.bundle import open_target\n"
        "from edgesynth.benchmark.measure.run import measure\n"
        "from edgesynth.benchmark.measure.settings import Settings\n"
        "resource.setrlimit(resource.RLIMIT_AS, (5 << 28, 5 << 28))\n"
        f"result = measure(open_target({str(path)!r}), 'onnxruntime', settings=Settings((128,), 0.01, 0.0, 1, 0.0))\n"
        "(one,) = result['measurements']\n"
        "print(one['asked_batch'], one['batch'], one['flags'][-1] if one['flags'] else '')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    asked, batch = map(int, done.stdout.split()[:2])
    assert asked == 128 and batch in (4, 8, 16, 32)
