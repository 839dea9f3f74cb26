import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgesynth.errors import UserError
from edgesynth.export.onnx.onnx_file import IR_OF
from edgesynth.planning.onnx.onnx_graph import read_graph
from edgesynth.planning.parsers.operators import NEWEST_WRITTEN, REFUSED_OPSETS, check_graph
from edgesynth.planning.parsers.parser import TABLES, parser_of, table_for

from ..networks import lenet, quantized, residual, single, weight, write


def fatal(path, version=(8, 2)):
    return [str(one) for one in check_graph(read_graph(str(path)), parser_of(version)) if one.fatal]


@pytest.mark.parametrize("version", [*TABLES, (10, 3), (11, 4)])
@pytest.mark.parametrize("network", [lenet, residual])
def test_what_every_network_is_made_of_is_parsed_by_every_version(tmp_path, network, version):
    assert fatal(network(tmp_path / "m.onnx"), version) == []


def test_the_form_for_tensorrt_is_parsed_and_the_one_for_a_cpu_is_not(tmp_path):
    plain = residual(tmp_path / "m.onnx")
    assert fatal(quantized(plain, tmp_path / "q.onnx")) == []
    messages = " ".join(fatal(quantized(plain, tmp_path / "cpu.onnx", for_tensorrt=False)))
    assert "zero-point is uint8; it must be int8" in messages


# operator: (opset that has it, oldest version of TensorRT whose table has it)
YOUNG = {"Reciprocal": (13, (8, 4)), "HardSwish": (14, (8, 4)), "Mish": (18, (10, 1))}


@pytest.mark.parametrize("op", YOUNG)
def test_an_operator_is_refused_before_the_version_that_parses_it(tmp_path, op):
    opset, since = YOUNG[op]
    path = single(tmp_path / "m.onnx", op, opset=opset)
    for version in TABLES:
        refused = [one for one in fatal(path, version) if one.startswith(op)]
        if version < since:
            assert len(refused) == 1 and "not parsed by TensorRT" in refused[0], version
        else:
            assert refused == [], version


def test_grid_sample_and_layer_normalization_are_named_for_what_they_are_to_82(tmp_path):
    grid = single(
        tmp_path / "g.onnx", "GridSample", inputs=("images", "grid"), extra={"grid": ["N", 4, 4, 2]}, opset=16
    )
    norm = single(
        tmp_path / "n.onnx", "LayerNormalization", inputs=("images", "s"), weights={"s": weight(16)}, opset=17
    )
    for path, op in ((grid, "GridSample"), (norm, "LayerNormalization")):
        assert any(one.startswith(f"{op} (it): not parsed by TensorRT 8.2 (it is newer") for one in fatal(path))
        assert fatal(path, (10, 1)) == []


def test_nodes_of_one_kind_are_one_finding_with_their_number(tmp_path):
    nodes = [helper.make_node("Reciprocal", [a], [b], name=f"/{b}/r") for a, b in (["images", "a"], ["a", "out"])]
    assert fatal(write(tmp_path / "m.onnx", nodes)) == [
        "Reciprocal (2 nodes, the first is /a/r): not parsed by TensorRT 8.2"
    ]


def test_an_operator_inside_a_branch_is_seen(tmp_path):
    def branch(op):
        out = helper.make_tensor_value_info(op, TensorProto.FLOAT, None)
        return helper.make_graph([helper.make_node(op, ["images"], [op], name=op)], op, [], [out])

    node = helper.make_node("If", ["c"], ["out"], then_branch=branch("Relu"), else_branch=branch("Reciprocal"))
    assert fatal(write(tmp_path / "m.onnx", [node], {"c": np.array(True)})) == [
        "Reciprocal (Reciprocal): not parsed by TensorRT 8.2"
    ]


def test_an_operator_of_another_domain_is_refused(tmp_path):
    path = single(tmp_path / "m.onnx", "FusedConv", domain="com.microsoft")
    assert fatal(path) == ["FusedConv (it): of the domain com.microsoft, which TensorRT 8.2 does not parse"]


@pytest.mark.parametrize(("version", "newest", "advised"), [((8, 2), 13, 13), ((8, 5), 17, 17), ((10, 1), 20, 18)])
def test_an_opset_beyond_the_documented_one_is_refused_with_one_to_export(tmp_path, version, newest, advised):
    assert fatal(lenet(tmp_path / "m.onnx", opset=newest), version) == []
    (message,) = fatal(lenet(tmp_path / "m.onnx", opset=newest + 1), version)
    assert f"opset {newest + 1} is newer than {newest}" in message and message.endswith(
        f": export it with --opset {advised}"
    )


def test_the_newest_opset_that_is_advised_is_the_newest_that_is_written():
    assert max(IR_OF) == NEWEST_WRITTEN


def test_an_opset_that_the_export_refused_is_not_advised(tmp_path):
    path = str(lenet(tmp_path / "m.onnx", opset=18))
    model = onnx.load(path)
    model.metadata_props.add(key=REFUSED_OPSETS, value="13,16")
    onnx.save(model, path)
    (message,) = fatal(path)
    assert ": it cannot be written at opset 13, so change the operation that it lacks, or take a newer" in message
    assert fatal(path, (8, 5))[0].endswith(": export it with --opset 17")


def test_an_opset_beyond_a_table_that_only_stands_for_the_version_is_a_note(tmp_path):
    findings = check_graph(read_graph(str(lenet(tmp_path / "m.onnx", opset=21))), parser_of((10, 3)))
    assert [one.fatal for one in findings] == [False] and "table of TensorRT 10.1" in str(findings[0])


def test_a_newer_file_format_is_a_note_to_82(tmp_path):
    findings = check_graph(read_graph(str(lenet(tmp_path / "m.onnx", ir=8))), parser_of((8, 2)))
    assert [(str(one), one.fatal) for one in findings] == [
        ("IR 8 is newer than the 7 of TensorRT 8.2, which only logs it", False)
    ]


def int64(*values):
    return np.array(values, np.int64)


COMPUTED = {"w": [4, 3, 3, 3], "n": [1]}
BROKEN = {
    "weights are an input": ({"op": "Conv", "inputs": ("images", "w"), "extra": COMPUTED}, "W (w) is computed"),
    "4D convolution": (
        {
            "op": "Conv",
            "inputs": ("x", "w"),
            "extra": {"x": ["N", 3, 4, 4, 4, 4]},
            "weights": {"w": weight(4, 3, *[2] * 4)},
        },
        "4 spatial dimensions",
    ),
    "4D pooling": (
        {"op": "MaxPool", "inputs": ("x",), "extra": {"x": ["N", 3, 4, 4, 4, 4]}, "kernel_shape": [2] * 4},
        "4 spatial",
    ),
    "indices of pooling": ({"op": "MaxPool", "outputs": ("out", "i"), "kernel_shape": [2, 2]}, "second output is used"),
    "cubic resize": (
        {"op": "Resize", "inputs": ("images", "", "s"), "weights": {"s": np.float32([1, 1, 2, 2])}, "mode": "cubic"},
        "mode is cubic; allowed: nearest, linear",
    ),
    "cropping resize": (
        {
            "op": "Resize",
            "inputs": ("images", "roi", "s"),
            "weights": {"roi": np.float32([0] * 4 + [1] * 4), "s": np.float32([1, 1, 2, 2])},
            "coordinate_transformation_mode": "tf_crop_and_resize",
        },
        "coordinate_transformation_mode is tf_crop_and_resize",
    ),
    "an unsigned constant": (
        {"op": "Add", "inputs": ("images", "u"), "weights": {"u": np.uint8([0])}},
        "UINT8",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_restriction_of_82_is_held(tmp_path, case):
    node, message = BROKEN[case]
    messages = fatal(single(tmp_path / "m.onnx", **node))
    assert len(messages) == 1 and message in messages[0], messages


def test_one_dimension_is_taken_for_the_importers_expand_it_to_two(tmp_path):
    signal = {"x": ["N", 3, 16]}
    conv = single(tmp_path / "c.onnx", "Conv", inputs=("x", "w"), extra=signal, weights={"w": weight(4, 3, 3)})
    pool = single(tmp_path / "p.onnx", "MaxPool", inputs=("x",), extra=signal, kernel_shape=[2])
    for version in TABLES:
        assert fatal(conv, version) == fatal(pool, version) == [], version


@pytest.mark.parametrize(
    ("op", "name", "place"), [("Squeeze", "axes", 1), ("Unsqueeze", "axes", 1), ("Slice", "axes", 3), ("TopK", "K", 1)]
)
def test_what_must_be_an_initializer_may_be_a_constant_node_and_not_an_input(tmp_path, op, name, place):
    constants = {"Slice": ["a", "b"]}.get(op, [])
    inputs = ("images", *constants, "n")
    assert inputs[place] == "n"
    node = helper.make_node(op, inputs, ["out", "i"][: 2 if op == "TopK" else 1], name="it")
    values = {name: int64(0) for name in constants}
    shapes = {"images": [1, 3, 16, 16], "n": [1]}
    computed = write(tmp_path / "computed.onnx", [node], values, shapes)
    assert any(f"{name} (n) is computed; it must be an initializer" in one for one in fatal(computed))
    constant = helper.make_node("Constant", [], ["n"], value=numpy_helper.from_array(int64(1), "n"))
    assert fatal(write(tmp_path / "constant.onnx", [constant, node], values, {"images": [1, 3, 16, 16]})) == []


def test_a_cubic_mode_does_not_care_for_the_nearest_one_and_10_refuses_antialiasing(tmp_path):
    scales = {"s": np.float32([1, 1, 2, 2])}
    resize = {"op": "Resize", "inputs": ("images", "", "s"), "weights": scales, "mode": "linear"}
    assert fatal(single(tmp_path / "l.onnx", nearest_mode="simple", **resize)) == []
    assert any(
        "antialias" in one for one in fatal(single(tmp_path / "a.onnx", antialias=1, opset=18, **resize), (10, 1))
    )


def test_a_restriction_that_only_a_build_can_tell_is_a_note(tmp_path):
    path = single(tmp_path / "m.onnx", "Einsum", equation="nchw->nhwc")
    findings = check_graph(read_graph(str(path)), parser_of((8, 2)))
    assert findings and not any(one.fatal for one in findings)
    assert "not checked here: Ellipsis" in str(findings[0])


def break_q(path, **changes):
    """Change the first Q of a weight in a Q/DQ file, and its DQ the same way."""
    model = onnx.load(str(path))
    scales = next(
        node.input[1] for node in model.graph.node if node.op_type == "QuantizeLinear" and "w0" in node.input[0]
    )
    nodes = [node for node in model.graph.node if scales in node.input]
    assert len(nodes) == 2
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in nodes:
        if changes.get("without_zero_point"):
            del node.input[2]
        if "axis" in changes:
            del node.attribute[:]
            node.attribute.append(helper.make_attribute("axis", changes["axis"]))
    for index, change in ((1, changes.get("scale")), (2, changes.get("zero_point"))):
        if change is not None:
            tensor = stored[nodes[0].input[index]]
            tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), tensor.name))
    onnx.save(model, str(path))
    return path


BROKEN_Q = {
    "no zero-point": ({"without_zero_point": True}, "it has 2 inputs; the zero-point must be given as the third"),
    "zero-point of 3": ({"zero_point": lambda z: z + np.int8(3)}, "zero-point is 3; it must be 0"),
    "zero-point below 0": ({"zero_point": lambda z: z - np.int8(3)}, "zero-point is -3; it must be 0"),
    "unsigned": ({"zero_point": lambda z: z.astype(np.uint8)}, "zero-point is uint8"),
    "one zero-point": ({"zero_point": lambda z: z[:1]}, "1 zero-points and 8 scales"),
    "scale of 0": ({"scale": lambda s: s * 0}, "scale is 0.0; it must be above 0"),
    "negative scale": ({"scale": lambda s: -s}, "it must be above 0"),
    "scale of nan": ({"scale": lambda s: s * np.float32("nan")}, "scale is nan"),
    "channels of another axis": ({"axis": 1}, "8 scales for axis 1 of a weight [8, 3, 3, 3]"),
}


@pytest.mark.parametrize("case", BROKEN_Q)
def test_a_q_and_its_dq_are_held_to_what_the_importer_wants(tmp_path, case):
    changes, message = BROKEN_Q[case]
    path = break_q(quantized(residual(tmp_path / "m.onnx"), tmp_path / "q.onnx"), **changes)
    messages = fatal(path)
    assert [one.partition(" ")[0] for one in messages] == ["QuantizeLinear", "DequantizeLinear"]
    assert all(message in one for one in messages), messages


def test_a_scale_that_is_computed_is_refused(tmp_path):
    zero = {"z": np.int8([0])}
    path = single(tmp_path / "m.onnx", "QuantizeLinear", inputs=("images", "s", "z"), weights=zero, extra={"s": [1]})
    assert fatal(path) == ["QuantizeLinear (it): its scale or zero-point is computed; both must be initializers"]


def test_later_versions_do_without_the_zero_point(tmp_path):
    path = break_q(quantized(residual(tmp_path / "m.onnx"), tmp_path / "q.onnx"), without_zero_point=True)
    assert fatal(path, (8, 5)) == []


def test_a_version_is_read_with_the_last_table_of_its_major_version():
    assert [table_for(v) for v in ((8, 3), (8, 6), (10, 0), (10, 16), (11, 1), (7, 1), (9, 9), (12, 0))] == [
        (8, 2),
        (8, 6),
        None,
        (10, 1),
        (10, 1),
        None,
        None,
        None,
    ]
    with pytest.raises(UserError, match=r"no operator table for TensorRT 7.1; there are tables for: 8.0, 8.2"):
        parser_of((7, 1))


def test_what_a_release_after_the_table_brought_is_taken_from_that_version_on(tmp_path):
    window = single(tmp_path / "w.onnx", "HannWindow", inputs=("n",), weights={"n": np.array(8)}, opset=17)
    stft = {"inputs": ("x", "step", "w"), "extra": {"x": [1, 64, 1]}}
    short = single(tmp_path / "f.onnx", "STFT", weights={"step": np.array(8), "w": weight(16)}, opset=17, **stft)
    sliced = {"inputs": ("images", "a", "b", "n"), "weights": {"a": int64(0), "b": int64(1)}, "extra": {"n": [1]}}
    slices = single(tmp_path / "s.onnx", "Slice", **sliced)
    for path, since in ((slices, 3), (window, 4), (short, 5)):
        assert [bool(fatal(path, (10, minor))) for minor in (since - 1, since, 16)] == [True, False, False], since
        assert fatal(path, (11, 4)) == []
