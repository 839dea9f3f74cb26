"""Without pycuda the engine runs by cuda-bindings; without both it is said which of them to install here."""

import pytest

from edgesynth.benchmark.engines.tensorrt.runtime.cuda_driver import advice, cuda_major

from ..conftest import ORIN, TX2, of

BINDINGS = {"STANDIN_PYCUDA": "no", "STANDIN_CUDA_BINDINGS": "yes"}
FP32 = ("--precision", "fp32")


@pytest.mark.parametrize("memory", ["pinned", "mapped", "managed"])
@pytest.mark.parametrize("version", ["10.3", "11.1"])
def test_by_cuda_bindings_the_answers_are_the_same(version, memory, on_tensorrt):
    code, result, _, err = on_tensorrt(version, ORIN, *FP32, "--memory", memory, "--batch", "1,3", **BINDINGS)
    assert code == 0, err
    assert (result["engine"]["cuda_package"], result["engine"]["gpu"]) == ("cuda-bindings", "Orin")
    assert result["engine"]["sm"] == "sm_87"
    for batch in (1, 3):
        measured = of(result, "fp32", batch)
        assert measured["max_abs_error"] < 1e-4
        assert measured["phases_ms"]["compute"]["p50"] > 0


def test_images_calibrate_by_cuda_bindings_as_by_pycuda(on_tensorrt, tmp_path):
    arguments = ("--precision", "int8", "--calibrate", "samples")
    errors = []
    for name, environment in (("bindings", BINDINGS), ("pycuda", {})):
        code, result, _, err = on_tensorrt("10.3", ORIN, *arguments, **environment, XDG_CACHE_HOME=str(tmp_path / name))
        assert code == 0, err
        assert of(result, "int8")["built"]["from_cache"] is False
        errors.append(of(result, "int8")["max_abs_error"])
    assert errors[0] == errors[1] > 1e-2


def test_pycuda_is_taken_where_both_are(on_tensorrt):
    _, result, _, _ = on_tensorrt("10.3", ORIN, *FP32, STANDIN_CUDA_BINDINGS="yes")
    assert result["engine"]["cuda_package"] == "pycuda"


def test_too_little_memory_by_cuda_bindings_is_a_smaller_batch(on_tensorrt):
    code, result, _, err = on_tensorrt("10.3", ORIN, *FP32, "--batch", "64", STANDIN_MEMORY="200000", **BINDINGS)
    assert code == 0, err
    assert result["measurements"][0]["asked_batch"] == 64
    assert result["measurements"][0]["batch"] < 64


@pytest.mark.parametrize(
    "environment, said",
    [
        ({"STANDIN_GPU": ""}, "no GPU can be used here (cuInit failed: CUDA_ERROR_NO_DEVICE)"),
        ({"STANDIN_MANAGED": "no"}, "Orin (sm_87) gives no managed memory (cuMemAllocManaged failed: CUDA_ERROR_NOT"),
    ],
)
def test_what_cuda_bindings_cannot_have_is_one_line(environment, said, on_tensorrt):
    code, _, _, err = on_tensorrt("10.3", ORIN, *FP32, "--memory", "managed", **BINDINGS, **environment)
    assert (code, len(err.splitlines())) == (2, 1)
    assert said in err


def test_without_both_the_advice_is_one_line(on_tensorrt):
    code, _, _, err = on_tensorrt("8.2", TX2, *FP32, STANDIN_PYCUDA="no")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "needs pycuda or cuda-bindings, and neither can be imported here (No module named 'pycuda')" in err


@pytest.mark.parametrize(
    "python, cuda, package",
    [
        ((3, 6), 10, "'pycuda<2021.1'"),  # JetPack 4
        ((3, 8), 11, "'pycuda>=2023.1'"),  # JetPack 5
        ((3, 10), 12, "'cuda-bindings==12.*'"),  # JetPack 6
        ((3, 12), 13, "'cuda-bindings==13.*'"),
        ((3, 12), None, "'cuda-bindings'"),
        ((3, 11), 11, "'pycuda>=2023.1'"),
        ((3, 6), None, "'pycuda<2021.1'"),
    ],
)
def test_the_advice_depends_on_python_and_cuda(python, cuda, package):
    command = advice(python, cuda)
    assert command.endswith("python3 -m pip install " + package)
    assert command.startswith("PATH=/usr/local/cuda/bin:$PATH ") == ("pycuda" in package)


@pytest.mark.parametrize(
    "name, text, major",
    [
        ("version.json", '{"cuda": {"name": "CUDA SDK", "version": "12.6.11"}}', 12),
        ("version.txt", "CUDA Version 10.2.300\n", 10),
        ("version.json", "{}", None),
        ("other", "", None),
    ],
)
def test_the_version_of_cuda_is_that_of_its_toolkit(name, text, major, tmp_path):
    (tmp_path / "usr/local/cuda").mkdir(parents=True)
    (tmp_path / "usr/local/cuda" / name).write_text(text)
    assert cuda_major(str(tmp_path)) == major
