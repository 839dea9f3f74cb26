import json
import os
import random

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgesynth.boards.probed import Staircase, Step
from edgesynth.boards.table import BOARDS, THIS_GPU, Board, PowerMode, find_board
from edgesynth.errors import UserError
from edgesynth.planning.cost import read_layers
from edgesynth.planning.plan.plan import make_plan, plan_for_all, read_forms
from tests.boards.probed.test_staircase import table_of

from ..networks import lenet, quantized, residual, single

WITHOUT_INT8 = ["tx1", "tx2", "tx2-nx", "nano"]
WITH_INT8 = ["xavier-nx", "agx-xavier", "orin-nano", "orin-nx", "orin-nx-8gb", "agx-orin"]


@pytest.fixture
def plain(tmp_path):
    return residual(tmp_path / "model.onnx")


@pytest.fixture
def qdq(plain, tmp_path):
    return quantized(plain, tmp_path / "model.int8.onnx")


@pytest.fixture
def ranges(plain, tmp_path):
    """Of every activation of the plain file, as the export writes it."""
    graph = onnx.load(str(plain)).graph
    names = ["images", *(name for node in graph.node for name in node.output)]
    return write_ranges(tmp_path / "ranges.json", dict.fromkeys(names, 2.5))


def write_ranges(path, amax):
    path.write_text(json.dumps({"schema": 1, "model": "model.onnx", "amax": amax}))
    return str(path)


def plan(files, board, tensorrt=None, ranges=None, **more):
    files = {"fp32": files} if not isinstance(files, dict) else files
    graphs = read_forms({form: str(path) for form, path in files.items()})
    board = find_board(board) if isinstance(board, str) else board
    return make_plan(graphs, board, tensorrt, ranges, **more)


def build(found, precision):
    return next(one for one in found.builds if one.precision == precision)


@pytest.mark.parametrize("board", WITHOUT_INT8)
def test_a_bundle_is_built_at_fp16_where_there_is_no_int8_and_int8_goes_by_a_cache(plain, qdq, ranges, board):
    found = plan({"fp32": plain, "int8": qdq, "int8-cpu": "absent"}, board, ranges=ranges)
    assert found.recommended.precision == "fp16" and found.recommended.source == "model.onnx"
    int8 = build(found, "int8")
    assert int8.will_build and int8.native is False
    assert int8.source == "model.onnx + ranges.json"
    assert "has no INT8 units: may be slower than fp16" in int8.note


@pytest.mark.parametrize("board", WITH_INT8)
def test_a_bundle_is_built_at_int8_from_its_qdq_file_where_there_is_int8(plain, qdq, ranges, board):
    found = plan({"fp32": plain, "int8": qdq}, board, ranges=ranges)
    assert (found.recommended.precision, found.recommended.source) == ("int8", "model.int8.onnx")
    assert build(found, "fp16").source == "model.onnx"


def test_fp16_is_chosen_where_no_source_has_the_clocks_by_which_int8_could_be_predicted(plain, qdq, ranges):
    found = plan({"fp32": plain, "int8": qdq}, "agx-thor", ranges=ranges)
    assert build(found, "int8").will_build and build(found, "int8").predicted is None
    assert found.recommended.precision == "fp16"


@pytest.mark.parametrize("board", WITHOUT_INT8)
def test_a_bare_qdq_file_does_not_build_where_there_is_no_int8(qdq, board):
    found = plan(qdq, board)
    assert not found.will_run
    assert "model.int8.onnx holds Q/DQ nodes" in found.reason and "has no INT8 units" in found.reason
    assert "use fp16" in found.reason


def test_a_bare_qdq_file_builds_at_int8_alone_where_there_is_int8(qdq):
    found = plan(qdq, "xavier")
    assert [one.precision for one in found.builds if one.will_build] == ["int8"]


@pytest.mark.parametrize("board", [board.name for board in BOARDS])
def test_a_plain_file_runs_everywhere_and_int8_asks_for_a_bundle(tmp_path, board):
    found = plan(lenet(tmp_path / "lenet.onnx"), board)
    assert found.recommended.precision == "fp16"
    assert "give a bundle" in build(found, "int8").problem


def test_a_qdq_file_that_is_refused_leaves_the_ranges(plain, tmp_path, ranges):
    unsigned = quantized(plain, tmp_path / "model.int8.onnx", for_tensorrt=False)
    int8 = build(plan({"fp32": plain, "int8": unsigned}, "xavier", ranges=ranges), "int8")
    assert int8.will_build and int8.form == "fp32" and int8.source.endswith("+ ranges.json")


def test_ranges_that_no_cache_can_hold_forbid_int8_and_nothing_else(plain, tmp_path):
    found = plan(plain, "tx2", ranges=write_ranges(tmp_path / "r.json", {"images": 0.0}))
    assert "range of tensor images: amax is 0.0" in build(found, "int8").problem
    assert found.recommended.precision == "fp16"


def test_ranges_of_another_network_forbid_int8_and_missing_ones_are_counted(plain, tmp_path):
    other = plan(plain, "tx2", ranges=write_ranges(tmp_path / "r.json", {"x": 1.0}))
    assert "names no tensor of model.onnx" in build(other, "int8").problem
    some = plan(plain, "tx2", ranges=write_ranges(tmp_path / "r.json", {"images": 1.0}))
    assert "7 tensors have no range and stay in floating point (s first)" in build(some, "int8").note


@pytest.mark.parametrize("board", ["tx1", "tx2", "nano"])
def test_an_operator_that_is_not_parsed_forbids_every_build_and_is_named(tmp_path, board):
    found = plan(single(tmp_path / "m.onnx", "Reciprocal"), board)
    assert not found.will_run and found.reason.endswith("Reciprocal (it): not parsed by TensorRT 8.2")
    assert plan(single(tmp_path / "m.onnx", "Reciprocal"), "orin").will_run


def test_a_file_of_opset_18_does_not_run_on_a_tx2_and_says_which_to_export(tmp_path):
    path = lenet(tmp_path / "m.onnx", opset=18, ir=8)
    assert "export it with --opset 13" in plan(path, "tx2").reason
    assert plan(path, "agx-orin").will_run


def test_weights_that_are_computed_do_not_run_on_82(tmp_path):
    path = single(tmp_path / "m.onnx", "Conv", inputs=("images", "w"), extra={"w": [4, 3, 3, 3]})
    assert "W (w) is computed; it must be an initializer" in plan(path, "tx2").reason


@pytest.fixture
def huge(tmp_path):
    """5 GiB of weights beside the file, as a hole that takes no disk."""
    rows = 5 * 2**20
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[rows, 256], data_location=TensorProto.EXTERNAL)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "huge.data"
    with open(tmp_path / "huge.data", "wb") as file:
        file.truncate(rows * 256 * 4)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["images", "w"], ["out"], transB=1)],
        "huge",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 256])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    (tmp_path / "huge.onnx").write_bytes(model.SerializeToString())
    return tmp_path / "huge.onnx"


def test_a_network_larger_than_the_memory_does_not_run(huge):
    found = plan(huge, "nano")
    assert not found.will_run and found.reason == "it needs 5.0 GiB of weights and activations, Jetson Nano has 4 GiB"
    assert found.memory.weights_bytes == 5 * 2**30


def test_a_network_that_fills_half_of_the_memory_runs_with_a_note_and_a_memory_we_do_not_know_is_said(huge):
    crowded = plan(huge, "tx2")
    assert crowded.will_run and any("in which the system and TensorRT live too" in note for note in crowded.notes)
    assert any("it was not checked" in note for note in plan(huge, "tx2-nx").notes)


def test_weights_that_are_missing_beside_the_file_are_named(huge):
    os.unlink(huge.parent / "huge.data")
    with pytest.raises(UserError, match=r"huge.onnx keeps weights in .*huge.data, which is missing"):
        plan(huge, "tx2")


@pytest.mark.parametrize("content", [b"", b"once upon a time", b"\x08\x07"])
def test_a_file_that_is_no_onnx_is_refused(tmp_path, content):
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(UserError, match=r"m.onnx (is not an ONNX model|is not an ONNX file|holds no network)"):
        plan(tmp_path / "m.onnx", "tx2")


def test_a_file_with_any_byte_changed_is_planned_or_refused_in_one_line(tmp_path, qdq):
    content, source = qdq.read_bytes(), random.Random(0)
    outcomes = set()
    for _ in range(150):
        damaged = bytearray(content)
        # The nodes come first; a changed weight would change nothing here.
        damaged[source.randrange(1500)] = source.randrange(256)
        (tmp_path / "damaged.onnx").write_bytes(damaged)
        try:
            outcomes.add(plan(tmp_path / "damaged.onnx", "tx2-nx").will_run)
        except UserError as error:
            assert "\n" not in str(error)
            outcomes.add("refused")
    assert "refused" in outcomes and len(outcomes) > 1


def test_files_of_other_runtimes_alone_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"no form of the model is for TensorRT .there is: int8-cpu"):
        plan({"int8-cpu": lenet(tmp_path / "m.onnx")}, "tx2")


def test_the_version_is_the_newest_with_a_table_unless_one_is_named(plain):
    assert [plan(plain, board).parser.version for board in ("tx2", "xavier", "orin-nano", "agx-orin")] == [
        (8, 2),
        (8, 5),
        (10, 3),
        (10, 3),
    ]
    assert plan(plain, "tx2", "8.0.1").jetpack == "JetPack 4.6"


@pytest.mark.parametrize(("board", "version"), [("tx2", "8.6"), ("orin", "8.2"), ("tx1", "7.1.3")])
def test_a_version_that_the_board_never_had_is_refused_with_those_it_had(plain, board, version):
    with pytest.raises(UserError, match=rf"has no TensorRT {version}; choose from: 8\.\d \(JetPack"):
        plan(plain, board, version)


@pytest.mark.parametrize("version", ["latest", "8", "8.x", ""])
def test_what_is_no_version_is_refused(plain, version):
    with pytest.raises(UserError, match="is not a version of TensorRT"):
        plan(plain, "tx2", version)


def test_tensorrt_11_takes_its_types_from_the_file(plain, qdq, ranges, tmp_path):
    model = onnx.load(str(plain))
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype("float16"), tensor.name))
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    onnx.save(model, str(tmp_path / "model.fp16.onnx"))

    without = plan({"fp32": plain}, "orin", "11.4", ranges)
    assert "has no FP16 flag" in build(without, "fp16").problem
    assert "from a Q/DQ file alone" in build(without, "int8").problem
    full = plan({"fp32": plain, "fp16": tmp_path / "model.fp16.onnx", "int8": qdq}, "orin", "11.4")
    assert [one.source for one in full.builds] == ["model.onnx", "model.fp16.onnx", "model.int8.onnx"]


def gpu(sm, fp16, int8):
    return Board(
        THIS_GPU, "A GPU", (), None, (), sm, fp16, int8, 8.0, None, {}, (PowerMode("as it is set"),), (), (), ()
    )


def test_the_gpu_of_a_pc_takes_any_version_with_a_table(plain):
    assert plan(plain, gpu((8, 6), True, True)).parser.version == (10, 1)
    assert plan(plain, gpu((8, 6), True, True), "8.6").recommended.precision == "fp16"
    with pytest.raises(UserError, match=r"no operator table for TensorRT 7.1"):
        plan(plain, gpu((8, 6), True, True), "7.1")


def test_a_gpu_before_turing_is_too_old_for_11(plain):
    assert "needs a GPU of sm_75 or newer and A GPU is sm_61" in plan(plain, gpu((6, 1), False, True), "11.4").reason


def test_fp16_without_hardware_is_not_recommended(plain):
    found = plan(plain, gpu((6, 1), False, True))
    assert found.recommended.precision == "fp32" and "no faster than fp32" in build(found, "fp16").note


def test_a_build_carries_its_prediction_and_a_board_without_clocks_says_why_not(plain):
    found = plan(plain, "tx2", mode="maxq")
    predicted = build(found, "fp16").predicted
    assert (predicted.mode, predicted.precision, predicted.board) == ("MAXQ", "fp16", "Jetson TX2")
    assert build(found, "int8").predicted is None  # there is nothing to build
    unknown = plan(plain, "tx2-nx")
    assert build(unknown, "fp16").predicted is None
    assert sum("no latency can be predicted" in note for note in unknown.notes) == 1


def test_a_batch_or_mode_that_is_none_is_refused(plain):
    with pytest.raises(UserError, match="the batch is 0"):
        plan(plain, "tx2", batch=0)
    with pytest.raises(UserError, match="no power mode 'turbo'"):
        plan(plain, "tx2", mode="turbo")


def test_all_boards_are_planned_or_those_that_have_the_version(plain):
    graphs = read_forms({"fp32": str(plain)})
    assert [one.board for one in plan_for_all(graphs)] == list(BOARDS)
    assert {one.board.name for one in plan_for_all(graphs, "8.6")} == {
        "orin-nano",
        "orin-nx",
        "orin-nx-8gb",
        "agx-orin",
    }
    with pytest.raises(UserError, match=r"no board has TensorRT 8.3; choose from: 8.0, 8.2, .*, 11.4"):
        plan_for_all(graphs, "8.3")


def probe_of(path, **facts):
    """A table in which every convolution of a file takes 1 ms at each width up to 64."""
    layers = [layer for layer in read_layers(str(path)) if layer.shape is not None and layer.kind != "linear"]
    steps = [Step(1, 1.0, 0.0), Step(64, 1.0, 0.0)]
    return table_of(*(Staircase(layer.shape, steps) for layer in layers), **facts)


def test_measured_layers_replace_the_roofline_at_their_precision_and_say_what_share_they_are(plain):
    without, found = plan(plain, "tx2"), plan(plain, "tx2", probe=probe_of(plain))
    assert build(found, "fp32").predicted == build(without, "fp32").predicted
    predicted = build(found, "fp16").predicted
    measured = [layer for layer in predicted.layers if layer.measured]
    assert [layer.latency_ms for layer in measured] == pytest.approx([1.0, 1.0])
    roofline = {layer.name: layer.latency_ms for layer in build(without, "fp16").predicted.layers}
    rest = [layer for layer in predicted.layers if not layer.measured]
    assert rest and all(layer.latency_ms == roofline[layer.name] for layer in rest)
    assert predicted.latency_ms == pytest.approx(0.25 + 2.0 + sum(layer.latency_ms for layer in rest))
    assert predicted.measured_share == pytest.approx(2.0 / predicted.latency_ms)
    assert predicted.error is None
    assert any("of 2 measured layers (tensorrt 8.2.1.8), the rest of 2 by the roofline" in one for one in found.notes)


def test_a_width_beyond_the_probe_is_left_to_the_roofline(plain):
    probe = probe_of(plain)
    for stairs in probe.staircases.values():
        stairs.steps = [Step(1, 1.0, 0.0), Step(7, 1.0, 0.0)]  # the layers have 8 channels
    predicted = build(plan(plain, "tx2", probe=probe), "fp16").predicted
    assert predicted.measured_share == 0.0 and not any(layer.measured for layer in predicted.layers)


def test_the_probe_sets_the_power_mode_where_none_is_given(plain):
    found = plan(plain, "tx2", probe=probe_of(plain, power_mode="MAXQ"))
    assert build(found, "fp16").predicted.mode == "MAXQ"
    with pytest.raises(UserError, match="of power mode MAXQ and does not hold for MAXN"):
        plan(plain, "tx2", probe=probe_of(plain, power_mode="MAXQ"), mode="MAXN")


def test_a_probe_of_another_tensorrt_is_used_and_named(plain):
    found = plan(plain, "tx2", "8.0", probe=probe_of(plain))
    assert "the probe measured TensorRT 8.2.1.8, and this plan is for 8.0" in found.notes


def test_a_probe_of_another_board_or_of_a_precision_that_is_not_built_is_refused(plain):
    with pytest.raises(UserError, match="measured on nano and does not hold for Jetson TX2"):
        plan(plain, "tx2", probe=probe_of(plain, board="nano"))
    with pytest.raises(UserError, match="of precision int8 and does not hold for fp32, fp16"):
        plan(plain, "tx2", probe=probe_of(plain, precision="int8"))


def test_the_batch_that_a_file_is_fixed_to_is_planned_for_and_another_is_refused(tmp_path):
    fixed = residual(tmp_path / "fixed.onnx", inputs={"images": [8, 3, 16, 16]})
    free = residual(tmp_path / "free.onnx")
    found, same = plan(fixed, "tx2"), plan(free, "tx2", batch=8)
    assert found.batch == 8 and found.memory == same.memory
    assert build(found, "fp16").predicted.latency_ms == pytest.approx(build(same, "fp16").predicted.latency_ms)
    assert plan(free, "tx2").batch == 1
    with pytest.raises(UserError, match=r"the batch of fixed.onnx is fixed at 8 and 1 was asked for; leave"):
        plan(fixed, "tx2", batch=1)


def test_scales_of_a_resize_make_no_file_of_halves_another(tmp_path):
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["images", "w"], ["a"], kernel_shape=[1, 1]),
            helper.make_node("Resize", ["a", "", "scales"], ["out"], mode="nearest"),
        ],
        "up",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT16, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT16, None)],
        [
            numpy_helper.from_array(np.ones((4, 3, 1, 1), np.float16), "w"),
            numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"),
        ],
    )
    file = tmp_path / "model.fp16.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), str(file))
    files = {"fp32": residual(tmp_path / "model.onnx"), "fp16": file}
    assert build(plan(files, "agx-orin", "11.4"), "fp16").will_build


KEPT = [
    {"layer": "/Pow", "op": "Pow", "why": "values to 78,400"},
    {"layer": "/ReduceSum", "op": "ReduceSum", "why": "values to 1,125,482"},
]


def test_layers_that_fp16_cannot_hold_are_counted_where_fp16_is_built_with_the_first_and_why(plain):
    found = plan(plain, "agx-orin", kept=KEPT)
    assert build(found, "fp16").note == (
        "2 layers stay in FP32, which FP16 cannot hold (Pow /Pow first: values to 78,400)"
    )
    assert build(found, "fp32").note == ""
    assert found.to_json()["kept_in_fp32"] == KEPT
    found = plan(plain, "agx-orin", kept=KEPT[1:])
    assert "1 layer stays in FP32, which FP16 cannot hold (ReduceSum /ReduceSum: " in build(found, "fp16").note
    assert all("FP32" in build(one, "fp16").note for one in plan_for_all(read_forms({"fp32": str(plain)}), kept=KEPT))


def test_a_file_of_fp16_types_with_a_few_layers_in_fp32_is_one_for_tensorrt_11(plain, tmp_path):
    half = onnx.load(str(plain))
    for tensor in half.graph.initializer[1:]:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    path = tmp_path / "half.onnx"
    onnx.save(half, str(path))
    pc = gpu((8, 6), True, True)
    assert build(plan({"fp32": plain, "fp16": path}, pc, "11.4"), "fp16").source == "half.onnx"
    assert build(plan(path, pc, "11.4"), "fp16").source == "half.onnx"
    assert not build(plan(plain, pc, "11.4"), "fp16").will_build
