"""What TensorRT 10's importers refuse of a node: by our tables, and by NVIDIA's own parser and builder."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgesynth.planning.compiler.building import compile_graph
from edgesynth.planning.onnx.onnx_graph import read_graph
from edgesynth.planning.parsers.operators import check_graph
from edgesynth.planning.parsers.parser import parser_of

IMAGE = ("FLOAT", [1, 4, 8, 8])
HALF = ("FLOAT16", [1, 4, 8, 8])
SIGNAL = {"x": ("FLOAT", [5, 2, 3])}


def write(path, node, inputs, out="FLOAT", weights=None, opset=20):
    number = TensorProto.DataType.Value
    model = helper.make_model(
        helper.make_graph(
            [node] if isinstance(node, onnx.NodeProto) else node,
            "network",
            [helper.make_tensor_value_info(name, number(kind), shape) for name, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info("out", number(out), None)],
            [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
        ),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=9,
    )
    onnx.save(model, str(path))
    return read_graph(str(path))


def refused(graph, version=(10, 3)):
    return [str(finding) for finding in check_graph(graph, parser_of(version)) if finding.fatal]


def node(op, inputs=("x",), outputs=("out",), **attributes):
    return helper.make_node(op, list(inputs), list(outputs), name="it", **attributes)


def recurrent(activations):
    weights = {"w": np.ones((2, 4, 3), np.float32), "r": np.ones((2, 4, 4), np.float32)}
    rnn = node("RNN", ("x", "w", "r"), hidden_size=4, direction="bidirectional", activations=activations)
    return {"node": rnn, "inputs": SIGNAL, "weights": weights}


def resize(**attributes):
    scales = np.float32([2, 2] if "axes" in attributes and len(attributes["axes"]) == 2 else [1, 1, 2, 2])
    return {"node": node("Resize", ("x", "", "s"), **attributes), "inputs": {"x": IMAGE}, "weights": {"s": scales}}


def computed_scales(axes):
    nodes = [
        node("Shape", outputs=["sides"], start=2),
        node("Cast", ["sides"], ["s"], to=TensorProto.FLOAT),
        node("Resize", ("x", "", "s"), axes=axes),
    ]
    return {"node": nodes, "inputs": {"x": IMAGE}}


def branches(*shapes):
    graphs = []
    for name, shape in zip("ab", shapes, strict=True):
        constant = helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.ones(shape, np.float32)))
        value = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        graphs.append(helper.make_graph([constant], name, [], [value]))
    both = node("If", ("c",), then_branch=graphs[0], else_branch=graphs[1])
    return {"node": both, "inputs": {"c": ("BOOL", [])}}


def normalization(training):
    values = {name: np.ones(4, np.float32) for name in "sbmv"}
    given = node("BatchNormalization", "xsbmv", ("out", "", "")[: 3 if training else 1], training_mode=training)
    return {"node": given, "inputs": {"x": IMAGE}, "weights": values}


# name: (what is refused, with what; what is taken)
CASES = {
    "training": (normalization(1), "training_mode is 1; it must be 0", normalization(0)),
    "dropout": (
        {"node": node("Dropout", ("x", "", "t")), "inputs": {"x": IMAGE}, "weights": {"t": np.array(True)}},
        "training_mode is true",
        {"node": node("Dropout", ("x", "", "t")), "inputs": {"x": IMAGE}, "weights": {"t": np.array(False)}},
    ),
    "third norm": (
        {"node": node("LpPool", kernel_shape=[2, 2], p=3), "inputs": {"x": IMAGE}},
        "p is 3",
        {"node": node("LpPool", kernel_shape=[2, 2], p=1), "inputs": {"x": IMAGE}},
    ),
    "capital indices": (
        {"node": node("Einsum", equation="NCHW->NHWC"), "inputs": {"x": IMAGE}},
        "only lower-case letters",
        {"node": node("Einsum", equation="nchw->nhwc"), "inputs": {"x": IMAGE}},
    ),
    "remainder": (
        {"node": node("Mod", ("x", "y")), "inputs": {"x": IMAGE, "y": IMAGE}},
        "fmod is 0; it must be 1",
        {"node": node("Mod", ("x", "y"), fmod=1), "inputs": {"x": IMAGE, "y": IMAGE}},
    ),
    "vector": (
        {"node": node("MatMul", ("x", "y")), "inputs": {"x": ("FLOAT", [3]), "y": ("FLOAT", [2, 3, 4])}},
        "a vector by a tensor of 3 axes",
        {"node": node("MatMul", ("x", "y")), "inputs": {"x": ("FLOAT", [3]), "y": ("FLOAT", [3, 4])}},
    ),
    "scales of two axes": (computed_scales(axes=[2, 3]), "computed for the axes [2, 3]", resize(axes=[2, 3])),
    "rounding": (
        resize(coordinate_transformation_mode="tf_half_pixel_for_nn", nearest_mode="floor", mode="nearest"),
        "takes round_prefer_floor alone",
        resize(coordinate_transformation_mode="tf_half_pixel_for_nn", mode="nearest"),
    ),
    "scales from the caller": (
        {"node": node("Resize", ("x", "", "s")), "inputs": {"x": IMAGE, "s": ("FLOAT", [4])}},
        "s is an input of the network and in floating point",
        resize(),
    ),
    "two ways": (recurrent(["Tanh", "Relu"]), "activations differ", recurrent(["Relu", "Relu"])),
    "ranks": (branches([2], [2, 3]), "its branches write 1 and 2 axes", branches([2], [2])),
    "unsigned": (
        {"node": node("Add", ("x", "x")), "inputs": {"x": ("UINT8", [4])}, "out": "UINT8"},
        "it reads UINT8",
        {"node": node("Add", ("x", "x")), "inputs": {"x": ("INT32", [4])}, "out": "INT32"},
    ),
    "whole matrices": (
        {"node": node("MatMul", ("x", "x")), "inputs": {"x": ("INT32", [4, 4])}, "out": "INT32"},
        "it reads INT32",
        {"node": node("MatMul", ("x", "x")), "inputs": {"x": ("FLOAT16", [4, 4])}, "out": "FLOAT16"},
    ),
    "clipped bytes": (
        {
            "node": node("Clip", ("x", "low")),
            "inputs": {"x": ("INT8", [4]), "low": ("INT8", [])},
            "out": "INT8",
        },
        "it reads INT8",
        {"node": node("Clip"), "inputs": {"x": ("INT64", [4])}, "out": "INT64"},
    ),
    "half constants": (
        {"node": node("Celu"), "inputs": {"x": HALF}, "out": "FLOAT16"},
        "it reads FP16",
        {"node": node("Celu"), "inputs": {"x": IMAGE}},
    ),
    "cast": (
        {"node": node("Cast", to=TensorProto.FLOAT8E5M2), "inputs": {"x": IMAGE}, "out": "FLOAT8E5M2"},
        "it casts to FLOAT8E5M2",
        {"node": node("Cast", to=TensorProto.INT32), "inputs": {"x": IMAGE}, "out": "INT32"},
    ),
    "packed": (
        {"node": node("Cast", to=TensorProto.FLOAT), "inputs": {"x": ("FLOAT8E4M3FN", [4])}},
        "x is FP8, which only DequantizeLinear may read",
        {"node": node("Cast", to=TensorProto.FLOAT), "inputs": {"x": ("UINT8", [4])}},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_refused_is_refused_by_nvidia_and_its_twin_is_built(tmp_path, case):
    wrong, message, right = CASES[case]
    graph = write(tmp_path / "wrong.onnx", **wrong)
    findings = refused(graph)
    assert len(findings) == 1 and message in findings[0], findings
    assert not compile_graph(graph).is_built
    graph = write(tmp_path / "right.onnx", **right)
    assert refused(graph) == []
    assert compile_graph(graph).is_built, compile_graph(graph).reason


@pytest.mark.parametrize("case", ["unsigned", "half constants", "whole matrices"])
def test_types_are_not_held_against_versions_that_cast(tmp_path, case):
    graph = write(tmp_path / "m.onnx", **CASES[case][0], opset=13)
    assert not any("it reads" in finding for finding in refused(graph, (8, 2)))


def test_padding_of_a_deformable_convolution_is_the_same_at_both_ends(tmp_path):
    """NVIDIA's compiler for PCs has no deformable convolution, so the table alone is held."""
    inputs = {"x": IMAGE, "o": ("FLOAT", [1, 18, 8, 8])}
    weights = {"w": np.ones((4, 4, 3, 3), np.float32)}
    for pads, count in (([1, 1, 1, 1], 0), ([1, 1, 2, 1], 1)):
        graph = write(tmp_path / "m.onnx", node("DeformConv", ("x", "w", "o"), pads=pads), inputs, weights=weights)
        assert len(refused(graph)) == count


def test_a_volume_is_sampled_on_no_grid(tmp_path):
    inputs = {"x": ("FLOAT", [1, 2, 4, 4, 4]), "g": ("FLOAT", [1, 4, 4, 4, 3])}
    (message,) = refused(write(tmp_path / "m.onnx", node("GridSample", ("x", "g")), inputs))
    assert "its input has 5 axes; 4 are allowed" in message


def test_a_sequence_is_refused_and_not_taken_for_damage(tmp_path):
    path = tmp_path / "m.onnx"
    graph = helper.make_graph(
        [node("SequenceConstruct", ("x", "x"))],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])],
        [helper.make_tensor_sequence_value_info("out", TensorProto.FLOAT, None)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    graph = read_graph(str(path))
    assert refused(graph) == ["SequenceConstruct (it): not parsed by TensorRT 10.3"]
    assert not compile_graph(graph).is_built


def test_a_bias_in_int32_is_refused_by_every_version_and_by_nvidia(tmp_path):
    nodes = [node("DequantizeLinear", "bs", ["c"]), node("Add", "xc")]
    weights = {"b": np.int32([[[5]]]), "s": np.float32(0.01)}
    graph = write(tmp_path / "m.onnx", nodes, {"x": IMAGE}, weights=weights, opset=13)
    assert refused(graph) == ["DequantizeLinear (it): it reads int32; it must be int8"]
    assert any("it reads int32" in finding for finding in refused(graph, (8, 4)))
    assert "has type Int32" in compile_graph(graph).reason


def test_bicubic_resizing_is_taken_since_10_whatever_the_table_says(tmp_path):
    graph = write(tmp_path / "m.onnx", **resize(mode="cubic"), opset=13)
    assert refused(graph) == [] and compile_graph(graph).is_built
    assert any("mode is cubic" in finding for finding in refused(graph, (8, 2)))


def test_group_normalization_that_onnx_deprecated_is_no_damage(tmp_path):
    weights = {"s": np.ones(2, np.float32), "b": np.ones(2, np.float32)}
    normalization = node("GroupNormalization", "xsb", num_groups=2)
    graph = write(tmp_path / "m.onnx", normalization, {"x": IMAGE}, weights=weights, opset=18)
    assert refused(graph) == [] and compile_graph(graph).is_built
    assert any("not parsed by TensorRT 8.5" in finding for finding in refused(graph, (8, 5)))
