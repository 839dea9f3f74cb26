"""FP16 files as a device stores them, on a CPU that would compute them in FP32."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgesynth.benchmark.engines.half_storage import stored_in_half
from edgesynth.benchmark.engines.onnxruntime import OnnxRuntime

HALF, FLOAT = TensorProto.FLOAT16, TensorProto.FLOAT
VALUES = np.array([[1.0, 65504.0, 65520.0, 1e6, -1e6, 1e-5, 2e-8, 1 / 3]], np.float32)


def model(nodes, constants=(), declared=("a", "b", "c"), outputs=("y",)):
    graph = helper.make_graph(
        nodes,
        "half",
        [helper.make_tensor_value_info("x", FLOAT, ["n", 8])],
        [helper.make_tensor_value_info(name, FLOAT, ["n", 8]) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants],
        value_info=[helper.make_tensor_value_info(name, HALF, ["n", 8]) for name in declared],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)


def cast(given, written, kind):
    return helper.make_node("Cast", [given], [written], to=kind)


def answers(path, half_storage):
    engine = OnnxRuntime(half_storage)
    engine._open(str(path), str(path), 1)
    return engine._session.run(None, {"x": VALUES})[0]


@pytest.fixture
def scaled(tmp_path):
    """x * 1, / 1000, * 1000, in FP16: what passes 65,504 on the way never comes back."""
    nodes = [
        cast("x", "a", HALF),
        helper.make_node("Mul", ["a", "thousand"], ["b"]),
        helper.make_node("Div", ["b", "thousand"], ["c"]),
        cast("c", "y", FLOAT),
    ]
    onnx.save(model(nodes, [("thousand", np.array(1000, np.float16))]), str(tmp_path / "half.onnx"))
    return tmp_path / "half.onnx"


def test_results_are_rounded_to_fp16_between_operators(scaled):
    with np.errstate(over="ignore"):
        given = VALUES.astype(np.float16)
        expected = (given * np.float16(1000) / np.float16(1000)).astype(np.float32)
    assert np.isinf(expected).any() and (expected == 0).any()
    assert np.array_equal(answers(scaled, True), expected)
    plain = answers(scaled, False)
    assert plain[0, 1] == 65504  # in FP32 it comes back: this processor shows no overflow by itself


def test_the_file_may_be_followed_by_outputs_that_are_added_to_it(scaled):
    engine = OnnxRuntime(half_storage=True)
    engine.load_with_outputs(str(scaled), ["b"])
    (products,) = engine.run_all(VALUES)
    assert products.dtype == np.float32 and np.isinf(products[0, 1])


def test_a_file_without_fp16_or_with_graphs_within_nodes_is_left_alone(tmp_path):
    plain = model([helper.make_node("Mul", ["x", "x"], ["y"])], declared=()).SerializeToString()
    assert stored_in_half(plain) == plain
    branch = helper.make_graph(
        [helper.make_node("Identity", ["a"], ["z"])], "branch", [], [helper.make_tensor_value_info("z", HALF, None)]
    )
    nodes = [
        cast("x", "a", HALF),
        helper.make_node("If", ["always"], ["b"], then_branch=branch, else_branch=branch),
        cast("b", "y", FLOAT),
    ]
    nested = model(nodes, [("always", np.array(True))]).SerializeToString()
    assert stored_in_half(nested) == nested


def test_whole_numbers_and_fp32_within_the_file_are_left_alone(tmp_path):
    nodes = [
        cast("x", "wide", FLOAT),
        helper.make_node("Mul", ["wide", "wide"], ["squares"]),
        helper.make_node("Sqrt", ["squares"], ["root"]),
        cast("root", "a", HALF),
        helper.make_node("Shape", ["a"], ["shape"]),
        helper.make_node("Reshape", ["a", "shape"], ["b"]),
        cast("b", "y", FLOAT),
    ]
    onnx.save(model(nodes, declared=("a", "b")), str(tmp_path / "half.onnx"))
    with np.errstate(over="ignore"):
        expected = np.sqrt(VALUES * VALUES).astype(np.float16).astype(np.float32)
    assert np.array_equal(answers(tmp_path / "half.onnx", True), expected)
    rewritten = onnx.load_from_string(stored_in_half((tmp_path / "half.onnx").read_bytes()))
    onnx.checker.check_model(rewritten, full_check=True)
    assert onnxruntime.InferenceSession(rewritten.SerializeToString()).get_outputs()[0].type == "tensor(float)"
