"""What NVIDIA's compiler makes of an INT8 file, told beside the ledger."""

import pytest
from onnx import helper

from edgesynth import tensorrt_rtx
from edgesynth.export.int8.built import Built, built_by_tensorrt
from tests.planning.networks import lenet, quantized, weight, write


@pytest.fixture
def half_used(tmp_path):
    """A convolution, which TensorRT runs in INT8, and a transposed one, which it does not."""
    nodes = [
        helper.make_node("Conv", ["images", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("ConvTranspose", ["c", "v"], ["out"], name="up", strides=[2, 2]),
    ]
    path = write(tmp_path / "m.onnx", nodes, {"w": weight(8, 3, 3, 3), "v": weight(8, 8, 2, 2)})
    return quantized(path, tmp_path / "q.onnx", kinds=("Conv", "ConvTranspose"))


def test_a_pair_that_is_not_used_is_warned_of(half_used):
    built = built_by_tensorrt(half_used)
    assert (built.asked, built.in_int8) == (2, 1) and 0 < built.share < 1
    (line,) = built.warnings()
    assert line.startswith("TensorRT does not use the Q/DQ nodes of ConvTranspose up: it runs in fp32, and ")
    assert "runs 1 of the 2 layers" in built.sentence()
    assert Built.from_json(built.to_json()) == built


def test_a_file_that_is_refused_says_why(tmp_path):
    built = built_by_tensorrt(quantized(lenet(tmp_path / "m.onnx"), tmp_path / "q.onnx", for_tensorrt=False))
    assert not built.ok and built.in_int8 is None and built.share is None
    assert "does not build the INT8 file: DequantizeLinear" in built.sentence()


def test_where_there_is_no_compiler_there_is_no_hop(half_used, monkeypatch):
    monkeypatch.setattr(tensorrt_rtx, "_CUDA_RUNTIME", "libcudart.so.absent")
    assert "libcudart.so.absent" in tensorrt_rtx.problem_of_import()
    assert built_by_tensorrt(half_used) is None
