"""INT8 is recommended where it is predicted to be faster, and what a Q/DQ file leaves out of it counts as it runs."""

from itertools import pairwise

import onnx
import pytest
from onnx import helper

from edgesynth.boards.table import find_board
from edgesynth.planning.plan.plan import make_plan, read_forms

from ..networks import quantized, weight, write


def chain(path):
    """Six wide convolutions: their arithmetic is what takes the time."""
    names = ["images", *(f"t{place}" for place in range(5)), "out"]
    nodes = [
        helper.make_node("Conv", [read, f"w{place}"], [written], name=f"conv{place}", pads=[1, 1, 1, 1])
        for place, (read, written) in enumerate(pairwise(names))
    ]
    weights = {f"w{place}": weight(256, 256, 3, 3) for place in range(6)}
    return write(path, nodes, weights, {"images": [1, 256, 56, 56]})


def only(source, path, count):
    """A Q/DQ file whose last `count` convolutions are INT8, each between pairs of its own."""
    quantized(source, path)
    plain, model = onnx.load(str(source)), onnx.load(str(path))
    before = {node.name: node for node in plain.graph.node}
    floating = [node.name for node in plain.graph.node][: 6 - count]
    model.graph.initializer.extend(
        item for item in plain.graph.initializer if item.name not in {one.name for one in model.graph.initializer}
    )
    for node in model.graph.node:
        if node.name in floating:
            node.input[1] = before[node.name].input[1]
    onnx.save(model, str(path))
    return path


def int8_of(found):
    return next(build for build in found.builds if build.precision == "int8")


def fp16_of(found):
    return next(build for build in found.builds if build.precision == "fp16")


def plan(files, version):
    return make_plan(read_forms({form: str(path) for form, path in files.items()}), find_board("agx-orin"), version)


@pytest.fixture
def plain(tmp_path):
    return chain(tmp_path / "model.onnx")


def test_the_fewer_layers_are_int8_the_longer_it_takes_and_with_none_it_is_not_recommended(plain, tmp_path):
    times = []
    for count in (6, 3, 0):
        found = plan({"fp32": plain, "int8": only(plain, tmp_path / f"{count}.onnx", count)}, "10.3")
        times.append(int8_of(found).predicted.latency_ms)
        assert found.recommended.precision == ("int8" if count else "fp16")
    fp16 = fp16_of(found)
    assert times[0] < times[1] < times[2] == pytest.approx(fp16.predicted.latency_ms, rel=0.02)
    assert int8_of(found).note == "predicted to be no faster than fp16, which is more accurate"


def test_tensorrt_11_takes_the_rest_of_a_file_of_fp32_types_at_fp32(plain, tmp_path):
    half = onnx.load(str(plain))
    for item in half.graph.initializer:
        values = onnx.numpy_helper.to_array(item).astype("float16")
        item.CopyFrom(onnx.numpy_helper.from_array(values, item.name))
    for value in (half.graph.input[0], half.graph.output[0]):
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    onnx.save(half, str(tmp_path / "half.onnx"))
    files = {"fp32": plain, "fp16": tmp_path / "half.onnx", "int8": only(plain, tmp_path / "q.onnx", 3)}
    before, since = plan(files, "10.3"), plan(files, "11.4")
    assert before.recommended.precision == "int8"
    # Three layers at FP32 cost more than three at INT8 save.
    assert since.recommended.precision == "fp16"
    assert int8_of(since).predicted.latency_ms > fp16_of(since).predicted.latency_ms


def test_without_a_prediction_int8_is_not_recommended_beside_fp16(plain, tmp_path):
    board = find_board("agx-orin")
    unknown = board._replace(modes=(board.modes[0]._replace(gpu_mhz=None),))
    files = {"fp32": str(plain), "int8": str(only(plain, tmp_path / "q.onnx", 6))}
    found = make_plan(read_forms(files), unknown, "10.3")
    assert found.recommended.precision == "fp16"
    assert int8_of(found).note == "not known to be faster than fp16, which is more accurate"
    assert make_plan(read_forms({"int8": files["int8"]}), unknown, "10.3").recommended.precision == "int8"
