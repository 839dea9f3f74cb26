"""Layers that export left in floating point for their accuracy: a build by ranges leaves them so too."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgesynth.boards.calibration_cache import read_ranges
from edgesynth.errors import UserError

from ...conftest import write_manifest
from ..conftest import ORIN, TX2, of
from .test_standin import BEGIN

MACHINES = [("8.2", TX2), ("8.6", ORIN), ("10.3", ORIN), ("10.16", ORIN)]
INT8 = ("--precision", "int8", "--calibrate", "ranges")
NAMES = ["/conv", "/relu", "/flatten", "/fc"]


@pytest.fixture
def named_bundle(tensorrt_bundle):
    """Its linear layer reads numbers of which most are small, and whose range is wide: in INT8 it is wrong."""
    path = tensorrt_bundle / "model.onnx"
    model = onnx.load(str(path))
    for node, name in zip(model.graph.node, NAMES, strict=True):
        node.name = name
    onnx.save(model, str(path))

    def write(**changes):
        amax = {"images": 4.0, "a": 400.0, "b": 400.0, "c": 400.0, "logits": 40.0}
        (tensorrt_bundle / "ranges.json").write_text(json.dumps({"schema": 2, "amax": amax, **changes}))
        write_manifest(tensorrt_bundle)
        return tensorrt_bundle

    return write


@pytest.mark.parametrize("version, gpu", MACHINES)
def test_they_are_computed_in_floating_point_on_numbers_that_are_not_rounded(version, gpu, named_bundle, on_tensorrt):
    named_bundle(floating_point=[])
    _, result, _, _ = on_tensorrt(version, gpu, *INT8)
    every = of(result, "int8")
    named_bundle(floating_point=["/fc"])
    code, result, out, err = on_tensorrt(version, gpu, *INT8)
    assert code == 0, err
    guarded = of(result, "int8")
    assert (every["built"]["layers"], guarded["built"]["layers"]) == ({"int8": 2}, {"fp16": 3, "int8": 1})
    # The product, its constants' shuffle, the sum; what constants hold is not pinned.
    assert guarded["built"]["kept_floating"] == 3 and "3 layers kept in floating point" in out
    assert every["accuracy_percent"] < 75.0 == guarded["accuracy_percent"]
    assert guarded["max_abs_error"] < 0.1 < every["max_abs_error"] / 10


def test_other_layers_are_another_plan(named_bundle, on_tensorrt):
    for floating, from_cache in (["/fc"], False), ([], False), (["/fc"], True):
        named_bundle(floating_point=floating)
        _, result, _, _ = on_tensorrt("8.6", ORIN, *INT8)
        built = of(result, "int8")["built"]
        assert (built["from_cache"], built["kept_floating"]) == (from_cache, 3 if floating else 0)


@pytest.mark.parametrize("changes", [{"schema": 1}, {"schema": 2}])
def test_ranges_without_the_list_keep_nothing(changes, named_bundle, on_tensorrt):
    named_bundle(**changes)
    code, result, _, err = on_tensorrt("8.2", TX2, *INT8)
    assert code == 0, err
    assert of(result, "int8")["built"]["kept_floating"] == 0


def test_where_tensorrt_finds_the_ranges_itself_they_are_kept_too(named_bundle, on_tensorrt):
    named_bundle(floating_point=["/fc"])
    code, result, _, err = on_tensorrt("8.6", ORIN, "--precision", "int8", "--calibrate", "samples")
    assert code == 0, err
    built = of(result, "int8")["built"]
    assert built["source"] == "model.onnx + entropy calibration on samples.npz"
    assert (built["kept_floating"], built["without_range"]) == (3, [])


@pytest.mark.parametrize("listed", ["/fc", [7], {"/fc": 1}])
def test_a_list_that_is_none_is_one_line(listed, named_bundle, on_tensorrt):
    folder = named_bundle(floating_point=listed)
    code, _, _, err = on_tensorrt("8.2", TX2, *INT8)
    assert (code, len(err.splitlines())) == (2, 1), err
    assert "as `floating_point`, which is no list of names; export the bundle again" in err
    with pytest.raises(UserError, match="no list of names"):
        read_ranges(str(folder / "ranges.json"))


def write_residual(path):
    """Two convolutions around which a sum leads, a ReLU, a pooling and a linear layer."""
    weight = numpy_helper.from_array(np.random.default_rng(0).normal(0, 1, (1, 1, 1, 1)).astype("float32"), "w")
    last = numpy_helper.from_array(np.random.default_rng(0).normal(0, 1, (16, 10)).astype("float32"), "v")
    nodes = [
        helper.make_node("Conv", ["images", "w"], ["a"], "/first", kernel_shape=[1, 1]),
        helper.make_node("Conv", ["a", "w"], ["b"], "/second", kernel_shape=[1, 1]),
        helper.make_node("Add", ["b", "a"], ["c"], "/sum"),
        helper.make_node("Relu", ["c"], ["d"], "/relu"),
        helper.make_node("MaxPool", ["d"], ["e"], "/pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["e"], ["f"], "/flatten"),
        helper.make_node("MatMul", ["f", "v"], ["logits"], "/fc"),
    ]
    values = [
        helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 8, 8]),
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 10]),
    ]
    graph = helper.make_graph(nodes, "residual", values[:1], values[1:], [weight, last])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), str(path))
    return path


@pytest.mark.parametrize("half, kind", [(True, "HALF"), (False, "FLOAT")])
def test_what_they_read_is_written_unrounded_back_to_the_sum(half, kind, script, tmp_path):
    lines = """
from edgesynth.benchmark.engines.tensorrt.network.floating import keep_floating
network = parse({path!r})
print(keep_floating(trt, network, config, {path!r}, ["/fc"], {half}))
for layer in network._layers:
    print(layer.name, layer._precision and layer._precision.name, [kind.name for kind in layer._output_types.values()])
"""
    path = str(write_residual(tmp_path / "residual.onnx"))
    count, *layers = script("8.2", TX2, BEGIN + lines.format(path=path, half=half)).splitlines()
    assert count == "1"
    # The sum may read INT8, as in the Q/DQ file, so it ends there; what leaves the network keeps its type.
    assert layers == [
        "/first None []",
        "/second None []",
        f"/sum None ['{kind}']",
        f"/relu None ['{kind}']",
        f"/pool None ['{kind}']",
        f"/flatten None ['{kind}']",
        "(Unnamed Layer* 6) [Constant] None []",
        f"/fc {kind} ['FLOAT']",
    ]
