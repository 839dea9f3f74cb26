"""Layers that FP16 cannot compute: TensorRT 8 to 10 are told to leave them in FP32, 11 takes that from the file."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgesynth.export.half.half import to_half

from ...conftest import CLASSES, write_manifest
from ..conftest import ORIN, TX2, of

KEPT = [
    {"layer": "/Pow", "op": "Mul", "why": "values to 40,000"},
    {"layer": "/ReduceSum", "op": "ReduceSum", "why": "values to 546,571"},
    {"layer": "/Shape", "op": "Shape", "why": "values to 546,571"},
]


def write_norm(path):
    """Flatten, squares, their sum, a root, its shape, a product: with names, as the exporter gives them."""
    nodes = [
        helper.make_node("Flatten", ["images"], ["a"], "/Flatten"),
        helper.make_node("Mul", ["a", "a"], ["b"], "/Pow"),
        helper.make_node("ReduceSum", ["b", "axes"], ["c"], "/ReduceSum", keepdims=1),
        helper.make_node("Shape", ["c"], ["shape"], "/Shape"),
        helper.make_node("Reshape", ["c", "shape"], ["d"], "/Reshape"),
        helper.make_node("Gemm", ["d", "weight"], ["logits"], "/Gemm"),
    ]
    weight = np.random.default_rng(0).normal(0, 1, (1, CLASSES)).astype(np.float32)
    graph = helper.make_graph(
        nodes,
        "norm",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])],
        [numpy_helper.from_array(np.array([1]), "axes"), numpy_helper.from_array(weight, "weight")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), str(path))


@pytest.fixture
def norm_bundle(tensorrt_bundle):
    for name in ("model.int8.onnx", "model.int8-cpu.onnx", "samples.npz"):
        (tensorrt_bundle / name).unlink()
    write_norm(tensorrt_bundle / "model.onnx")
    to_half(tensorrt_bundle / "model.onnx", tensorrt_bundle / "model.fp16.onnx", ["/Pow", "/ReduceSum"])
    amax = dict.fromkeys(["images", "a", "b", "c", "d", "logits"], 8.0)
    (tensorrt_bundle / "ranges.json").write_text(json.dumps({"schema": 1, "amax": amax}))
    write_manifest(tensorrt_bundle, schema=3, kept_in_fp32=KEPT)
    return tensorrt_bundle


@pytest.mark.parametrize("version, gpu", [("8.2", TX2), ("8.6", ORIN), ("10.3", ORIN), ("10.16", ORIN)])
def test_the_layers_of_the_nodes_are_pinned_and_the_helpers_that_came_with_them(version, gpu, norm_bundle, on_tensorrt):
    code, result, out, err = on_tensorrt(version, gpu, "--precision", "fp32,fp16,int8")
    assert code == 0, err
    # /Pow, /ReduceSum and its elementwise helper; no constant, and neither indices nor sizes.
    assert [of(result, name)["built"]["kept_in_fp32"] for name in ("fp32", "fp16", "int8")] == [0, 3, 3]
    assert of(result, "fp16")["built"]["layers"] == {"fp16": 2, "fp32": 3}
    assert "fp16 x1 from model.onnx: runs at mixed: 3 fp32, 2 fp16, 3 layers kept in FP32" in out


def test_a_plan_of_other_layers_is_built_anew(norm_bundle, on_tensorrt):
    on_tensorrt("8.6", ORIN, "--precision", "fp16")
    write_manifest(norm_bundle, schema=3, kept_in_fp32=KEPT[:1])
    _, result, _, _ = on_tensorrt("8.6", ORIN, "--precision", "fp16")
    built = of(result, "fp16")["built"]
    assert (built["from_cache"], built["kept_in_fp32"]) == (False, 1)
    _, result, _, _ = on_tensorrt("8.6", ORIN, "--precision", "fp16")
    built = of(result, "fp16")["built"]
    assert (built["from_cache"], built["kept_in_fp32"]) == (True, 1)


def test_tensorrt_11_takes_it_from_the_file(norm_bundle, on_tensorrt):
    code, result, _, err = on_tensorrt("11.1", ORIN, "--precision", "fp16")
    assert code == 0, err
    built = of(result, "fp16")["built"]
    assert (built["source"], built["kept_in_fp32"]) == ("model.fp16.onnx", 0)


@pytest.mark.parametrize("kept", ["/Pow", [{"layer": 3, "op": "Mul", "why": ""}], [{"layer": "/Pow"}], [7]])
def test_a_manifest_with_other_names_is_refused(kept, norm_bundle, on_tensorrt):
    write_manifest(norm_bundle, schema=3, kept_in_fp32=kept)
    code, _, _, err = on_tensorrt("8.6", ORIN)
    assert code == 2 and "is not a manifest of edgesynth: kept_in_fp32" in err and "Traceback" not in err
