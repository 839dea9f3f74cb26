"""INT8 by ranges.json: every tensor gets a range or is named, and what the builder warns of is told."""

import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from ...conftest import write_manifest
from ..conftest import ORIN, TX2, of
from .test_kept_in_fp32 import norm_bundle
from .test_standin import BEGIN

assert norm_bundle  # a fixture

MACHINES = [("8.2", TX2), ("8.6", ORIN), ("10.3", ORIN), ("10.16", ORIN)]
INT8 = ("--precision", "int8", "--calibrate", "ranges")
SET = """
from edgesynth.benchmark.engines.tensorrt.network.ranges import set_ranges
network = parse({path!r})
print(set_ranges(trt, network, {amax!r}))
print({{name: tensor._amax for name, tensor in network._parsed.tensors.items()}})
"""


def add_bias(path, values):
    model = onnx.load(str(path))
    (bias,) = [item for item in model.graph.initializer if item.name == "fc_bias"]
    bias.CopyFrom(numpy_helper.from_array(np.array(values, np.float32), "fc_bias"))
    onnx.save(model, str(path))
    return {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}


@pytest.mark.parametrize("version, gpu", MACHINES)
def test_linear_layers_run_in_int8_too(version, gpu, on_tensorrt):
    code, result, _, err = on_tensorrt(version, gpu, *INT8)
    assert code == 0, err
    built = of(result, "int8")["built"]
    assert (built["layers"], built["without_range"]) == ({"int8": 2}, [])
    assert not [line for line in built["warnings"] if line.startswith("Missing scale")]


@pytest.mark.parametrize("version, gpu", MACHINES)
def test_tensors_beyond_the_files_get_the_range_of_their_numbers(version, gpu, script, tensorrt_bundle):
    path = tensorrt_bundle / "model.onnx"
    weights = add_bias(path, [3.0, -5.0] + [0.0] * 8)
    amax = {"images": 3.0, "a": 9.0, "b": 8.0, "c": 8.0, "logits": 4.0}
    without, ranges = script(version, gpu, BEGIN + SET.format(path=str(path), amax=amax)).splitlines()
    assert without == "()"
    # Of the product, the answers and the bias that is taken off them; of the others, their own numbers.
    assert json.loads(ranges.replace("'", '"')) == {
        **amax,
        "(Unnamed Layer* 3) [Constant]_output": pytest.approx(float(np.abs(weights["fc"]).max())),
        "(Unnamed Layer* 4) [Matrix Multiply]_output": 9.0,
        "(Unnamed Layer* 5) [Constant]_output": 5.0,
        "(Unnamed Layer* 6) [Shuffle]_output": 5.0,
    }


def test_a_bias_of_zeros_has_a_range(script, tensorrt_bundle):
    amax = {"images": 3.0, "a": 9.0, "b": 8.0, "c": 8.0, "logits": 4.0}
    lines = BEGIN + SET.format(path=str(tensorrt_bundle / "model.onnx"), amax=amax)
    without, ranges = script("8.2", TX2, lines).splitlines()
    assert without == "()" and "'(Unnamed Layer* 5) [Constant]_output': 1.0" in ranges


def test_without_a_range_of_its_weight_a_linear_layer_is_no_int8_in_the_stand_in(script, tensorrt_bundle):
    lines = """
from tensorrt._implicit import Implicit
network = parse({path!r})
for number in range(network.num_layers):
    tensor = network.get_layer(number).get_output(0)
    if not tensor.name.startswith("(Unnamed"):
        tensor.set_dynamic_range(-8.0, 8.0)
network.get_input(0).set_dynamic_range(-8.0, 8.0)
print(Implicit(network, False).products(), len(Implicit(network, False).warnings()))
"""
    path = str(tensorrt_bundle / "model.onnx")
    assert script("8.2", TX2, BEGIN + lines.format(path=path)) == "['INT8', 'FP16'] 4"


def test_a_tensor_that_gets_no_range_is_named_in_the_result_and_the_table(norm_bundle, on_tensorrt):
    write_manifest(norm_bundle, schema=3)
    code, result, out, err = on_tensorrt("8.6", ORIN, *INT8)
    assert code == 0, err
    built = of(result, "int8")["built"]
    # What a sum of squares is made of can be larger than the sum's own range.
    (name,) = built["without_range"]
    assert "[ElementWise]_output" in name
    assert f"1 tensors have no range, and the layers around them stay in floating point: {name}" in out
    assert f"Missing scale and zero-point for tensor {name}, expect fall back to" in " ".join(built["warnings"])
    _, again, out, _ = on_tensorrt("8.6", ORIN, *INT8)
    built_again = of(again, "int8")["built"]
    assert built_again["from_cache"] and name in out
    assert all(built_again[key] == built[key] for key in ("without_range", "warnings"))


def test_what_the_builder_warns_of_is_in_the_result_and_the_first_of_it_in_the_table(on_tensorrt):
    _, result, out, _ = on_tensorrt("8.2", TX2)
    warnings = of(result, "int8")["built"]["warnings"]
    assert [line[:40] for line in warnings] == [
        "Int8 support requested on hardware witho",
        "Calibrator is not being used. Users must",
    ]
    assert out.count("TensorRT warns: ") == 2 and f"TensorRT warns: {warnings[0]}" in out
    # They are of their own build, and not of the one before it in the process.
    assert [of(result, name)["built"]["warnings"] for name in ("fp32", "fp16")] == [[], []]


def test_of_many_warnings_three_are_shown_and_the_rest_counted(norm_bundle, on_tensorrt):
    ranges = {"schema": 1, "amax": {"images": 8.0}}
    (norm_bundle / "ranges.json").write_text(json.dumps(ranges))
    write_manifest(norm_bundle, schema=3)
    _, result, out, _ = on_tensorrt("8.6", ORIN, *INT8)
    count = len(of(result, "int8")["built"]["warnings"])
    assert count > 3 and out.count("TensorRT warns: ") == 3
    assert f"TensorRT warns of {count - 3} things more, which the result lists" in out
