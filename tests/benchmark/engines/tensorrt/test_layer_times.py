"""`benchmark --profile` by TensorRT's own profiler, joined with the bundle's groups."""

import pytest

from ..conftest import ORIN, TX2


@pytest.mark.parametrize("version, gpu", [("8.2", TX2), ("10.3", ORIN), ("11.1", ORIN)])
def test_tensorrt_s_profiler_gives_the_time_of_each_layer(version, gpu, named, on_tensorrt):
    code, result, out, err = on_tensorrt(version, gpu, "--precision", "fp32", "--profile", target=named)
    assert code == 0, err
    (measured,) = result["measurements"]
    # The stand-in plays 0.1 ms times the place: a copy, conv1, block.0, the pool, the flattening, fc.
    assert [(group["name"], group["ms"]) for group in measured["profile"]["groups"]] == [
        ("fc", 0.6),
        ("block.0", 0.3),
        ("conv1", 0.2),
    ]
    assert measured["profile"]["beside_ms"] == pytest.approx(1.0)
    assert measured["profile"]["layers"][1]["name"] == "/conv1/Conv + /relu/Relu"
    row = next(line.split() for line in out.splitlines() if line.startswith("block.0"))
    assert row == ["block.0", "0.3000", "14.3", "6", "yes"]


def test_a_profile_launches_kernel_by_kernel_whatever_was_launched_before(named, script):
    lines = "import tensorrt as trt\nfrom edgesynth.benchmark.engines.tensorrt.engine import TensorRt\n"
    lines += "from edgesynth.benchmark.engines.ways import Ways\nengine = TensorRt()\n"
    lines += "engine.ways = Ways(profile=True)\n"
    lines += "engine.load({!r}, 'fp32', 1, 1)\n".format(str(named / "model.onnx"))
    lines += "lane = engine._lanes[0]\nlane._launch = lambda stream: 1 / 0\n"
    lines += "print(len(engine.layer_times_ms()['/fc/Gemm']))"
    assert script("8.2", TX2, lines) == "50"


def test_the_stand_in_s_profiler_is_as_strict_as_the_real_one(script, pristine_tensorrt_bundle):
    lines = "import tensorrt as trt\nfrom edgesynth.benchmark.engines.tensorrt.engine import TensorRt\n"
    lines += "engine = TensorRt()\nengine.load({!r}, 'fp32', 1, 1)\n".format(
        str(pristine_tensorrt_bundle / "model.onnx")
    )
    lines += "class Hasty(trt.IProfiler):\n    def __init__(self): pass\n"
    lines += "lane = engine._lanes[0]\nlane.context.profiler = Hasty()\nlane.enqueue()\n"
    lines += "try:\n    lane.stream.synchronize()\nexcept SystemError as error:\n    print(error)"
    assert "IProfiler.__init__ was not called" in script("8.2", TX2, lines)
