"""How an engine is run: kinds of memory, CUDA graphs, several streams; and the parts of a run."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ...conftest import write_classifier
from ..conftest import ORIN, TX2, of

FP32 = ("--precision", "fp32")


@pytest.fixture
def driver(tmp_path):
    """Build the stand-in for libcuda.so.1: the environment in which it is loaded."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here to build the stand-in for the driver")

    def build(*defines):
        source = Path(__file__).parents[2] / "cuda_stand_in.c"
        library = tmp_path / "driver.so"
        form = ["-shared", "-fPIC", "-Wl,-soname,libcuda.so.1"]
        subprocess.run([compiler, *form, *defines, "-o", str(library), str(source)], check=True)
        return {"STANDIN_DRIVER": str(library)}

    return build


@pytest.mark.parametrize("version, gpu", [("8.2", TX2), ("10.3", ORIN)])
def test_copies_and_computing_are_told_apart(version, gpu, on_tensorrt):
    code, result, out, err = on_tensorrt(version, gpu, *FP32)
    assert code == 0, err
    measured = of(result, "fp32")
    phases = measured["phases_ms"]
    assert list(phases) == ["copy_in", "compute", "copy_out", "enqueue"]
    assert all(phases[name]["count"] == 100 and phases[name]["p50"] > 0 for name in phases)
    assert measured["compute_ms"] == phases["compute"]
    assert "copies in {:.3f} ms, computes {:.3f} ms, copies out {:.3f} ms, enqueued".format(
        *(phases[name]["p50"] for name in ("copy_in", "compute", "copy_out"))
    ) in out.replace("\n", " ")
    assert result["engine"]["timed"] == "copy to the GPU, compute, copy of the first output back"


@pytest.mark.parametrize("memory", ["mapped", "managed"])
@pytest.mark.parametrize("version, gpu", [("8.2", TX2), ("11.1", ORIN)])
def test_in_shared_memory_nothing_is_copied_and_the_answers_are_the_same(version, gpu, memory, on_tensorrt):
    code, result, out, err = on_tensorrt(version, gpu, *FP32, "--memory", memory)
    assert code == 0, err
    measured = of(result, "fp32")
    assert list(measured["phases_ms"]) == ["compute", "enqueue"]
    assert measured["max_abs_error"] < 1e-4
    assert measured["built"]["memory"] == memory
    assert f"{memory} memory" in out
    assert result["engine"]["timed"] == f"compute, on {memory} memory that both see: nothing is copied"


def test_memory_that_the_gpu_does_not_have_is_one_line(on_tensorrt):
    code, _, _, err = on_tensorrt("8.2", TX2, *FP32, "--memory", "managed", STANDIN_MANAGED="no")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "NVIDIA Tegra X2 (sm_62) gives no managed memory (cuMemAllocManaged failed" in err
    assert "use --memory pinned" in err


@pytest.mark.parametrize("defines", [(), ("-DOLD",)])
@pytest.mark.parametrize("version, gpu", [("8.2", TX2), ("10.3", ORIN)])
def test_a_graph_answers_as_the_kernels_one_by_one_do(version, gpu, defines, on_tensorrt, driver):
    code, result, out, err = on_tensorrt(version, gpu, *FP32, "--cuda-graph", "--batch", "1,5", **driver(*defines))
    assert code == 0, err
    for batch in (1, 5):
        measured = of(result, "fp32", batch)
        assert measured["built"]["cuda_graph"] is True
        assert measured["max_abs_error"] < 1e-4
        assert measured["phases_ms"]["compute"]["count"] == 100
    assert "as a CUDA graph" in out


@pytest.mark.parametrize(
    "defines, environment, why",
    [
        (None, {}, "the driver has none (libcuda.so.1: cannot open shared object file"),
        ((), {"STANDIN_CAPTURE": "no"}, "it cannot be captured (1: Cuda Runtime (operation not permitted when stream"),
        (("-DNO_INSTANCE",), {}, "cuGraphInstantiate failed: CUDA_ERROR_NOT_SUPPORTED"),
    ],
)
def test_without_a_graph_the_run_goes_on_and_says_so(defines, environment, why, on_tensorrt, driver):
    library = {} if defines is None else driver(*defines)
    code, result, out, err = on_tensorrt("8.2", TX2, *FP32, "--cuda-graph", **library, **environment)
    assert code == 0, err
    measured = of(result, "fp32")
    assert measured["built"]["cuda_graph"] is False
    assert measured["max_abs_error"] < 1e-4
    assert f"flag: no CUDA graph: {why}" in out
    assert "the figures are without one" in out


@pytest.mark.parametrize("memory", ["pinned", "mapped"])
def test_streams_run_at_the_same_time_and_their_images_are_counted(memory, on_tensorrt, tmp_path):
    path = write_classifier(tmp_path / "fixed.onnx", batch=2)
    arguments = (*FP32, "--batch", "2", "--streams", "3", "--memory", memory)
    code, result, out, err = on_tensorrt("8.2", TX2, *arguments, target=path)
    assert code == 0, err
    measured = of(result, "fp32", 2)
    seconds = sum(measured["samples_ms"]) / 1e3
    images = 3 * 2 * measured["latency_ms"]["count"]
    assert measured["throughput_images_per_s"] == pytest.approx(images / seconds, rel=0.1)
    assert measured["built"]["streams"] == 3
    assert "3 streams" in out


def test_streams_share_a_free_batch_from_tensorrt_10_on_and_not_before(on_tensorrt, tensorrt_bundle):
    code, result, _, err = on_tensorrt("10.3", ORIN, *FP32, "--streams", "2")
    assert code == 0, err
    assert of(result, "fp32")["max_abs_error"] < 1e-4
    code, _, _, err = on_tensorrt("8.6", ORIN, *FP32, "--streams", "2")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "--streams 2 needs a model with a fixed batch before TensorRT 10 (this is 8.6.1.6)" in err
    assert f"that of {tensorrt_bundle / 'model.onnx'} is free; export it with --batch 1" in err


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("--memory", "unified"), "--memory is 'unified'; choose from: pinned, managed, mapped"),
        (("--streams", "0"), "--streams is 0; it must be 1 to 64"),
        (("--streams", "2", "--memory", "managed"), "--memory managed cannot be filled for one stream while another"),
        (("--streams", "2", "--scenario", "single-stream"), "--scenario single-stream is one image at a time"),
        (("--engine", "onnxruntime", "--cuda-graph"), "onnxruntime has no --cuda-graph; leave it out"),
        (
            ("--engine", "onnxruntime", "--memory", "mapped", "--streams", "2"),
            "onnxruntime has no --memory mapped and no --streams 2; leave it out, or use --engine tensorrt",
        ),
    ],
)
def test_ways_that_are_not_there_are_one_line(arguments, said, on_tensorrt):
    code, out, _, err = on_tensorrt("8.2", TX2, *FP32, *arguments)
    assert (code, out, len(err.splitlines())) == (2, None, 1), err
    assert said in err


def test_results_of_different_ways_are_not_compared(on_tensorrt, edgesynth, tmp_path):
    for name, arguments in (("plain", ()), ("mapped", ("--memory", "mapped")), ("profiled", ("--profile",))):
        code, result, _, err = on_tensorrt("8.2", TX2, *FP32, *arguments)
        assert code == 0, err
        (tmp_path / f"{name}.json").write_text(json.dumps(result))
    code, _, err = edgesynth("compare", "plain.json", "mapped.json")
    assert (code, "ways to run is plain and --memory mapped" in err) == (2, True)
    code, _, err = edgesynth("compare", "plain.json", "profiled.json", "--tolerance", "100000")
    assert code == 0, err


def test_the_stand_in_ends_a_process_that_writes_managed_memory_in_flight(script, pristine_tensorrt_bundle):
    lines = "from edgesynth.benchmark.engines.tensorrt.engine import TensorRt\nimport numpy as np\n"
    lines += "from edgesynth.benchmark.engines.ways import Ways\nengine = TensorRt()\nengine.ways = Ways('managed')\n"
    lines += "engine.load({!r}, 'fp32', 2, 1)\nlane = engine._lanes[0]\n".format(
        str(pristine_tensorrt_bundle / "model.onnx")
    )
    lines += "lane.begin(np.zeros((2, 1, 8, 8), np.float32))\nlane._input.host[:] = 1\nlane.finish()\n"
    assert "the CPU wrote managed memory while the GPU had it" in script("8.2", TX2, lines)
