"""Detectors whose files decode and suppress boxes themselves: they give what decoding outside of them gives."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from edgesynth.ancestors.zoo.detectnet import DetectNet
from edgesynth.ancestors.zoo.yolov2 import TinyYoloV2
from edgesynth.benchmark.bundle.samples import Samples
from edgesynth.boards.table import BOARDS
from edgesynth.errors import UserError
from edgesynth.export import export_individual, to_onnx
from edgesynth.export.onnx.detections.decoding_graph import decode_in_graph, decoding_in_graph
from edgesynth.export.onnx.detections.rows import aligned, rows_of
from edgesynth.export.onnx.fixed_batch import fix_batch
from edgesynth.metrics import METRICS
from edgesynth.metrics.boxes import detections
from edgesynth.planning.onnx.onnx_graph import read_graph
from edgesynth.planning.parsers.operators import check_graph
from edgesynth.planning.parsers.parser import TABLES, parser_of
from edgesynth.planning.plan.plan import make_plan
from edgesynth.tasks.detection.heads.suppression import Limits
from tests.metrics.test_boxes import HEADS, decoding_of, world

ANCHORS = [[0.1, 0.1], [0.2, 0.2], [0.4, 0.3], [0.3, 0.5], [0.7, 0.7]]
NETWORKS = {
    "yolov2": (lambda: TinyYoloV2((8, 16, 32), (32,), 3, pooled=False), {"head": "yolov2", "anchors": ANCHORS}),
    "detectnet": (lambda: detectnet(), {"head": "detectnet"}),
}


def detectnet():
    """Its boxes are about two cells wide: untrained ones would have no area."""
    network = DetectNet(("3a",), 8, 3)
    with torch.no_grad():
        network.boxes.bias.copy_(torch.tensor([-1.0, -1.0, 1.0, 1.0]))
    return network


def answers(path, images):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: np.asarray(images)})[0]


def grid_file(path, shape, opset=13, batch="batch"):
    """A file whose output is its input."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *shape]) for name in ("images", "logits")]
    graph = helper.make_graph([helper.make_node("Identity", ["images"], ["logits"])], "grid", values[:1], values[1:])
    ir = {13: 7, 18: 8}[opset]
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir), str(path))
    return path


def assert_same(rows, expected):
    """Rows (N, R, 6) with those of class -1, and a list of (K, 6): the same boxes, equal scores in any order."""
    wanted = rows_of([torch.from_numpy(one) for one in expected], rows.shape[1])
    assert (rows[..., 0] >= 0).sum(1).tolist() == [len(one) for one in expected]
    assert (aligned(torch.from_numpy(rows), wanted) - wanted).abs().max() < 1e-5
    assert (np.diff(rows[..., 1], axis=1) <= 0).all()


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("batch", [None, 2])
def test_a_network_s_file_gives_the_boxes_that_numpy_makes_of_its_grid(kind, batch, tmp_path):
    torch.manual_seed(0)
    make, head = NETWORKS[kind]
    network, path = make().eval(), tmp_path / "model.onnx"
    decoding = {"form": "boxes", **head, "classes": 3, **Limits()._asdict()}
    to_onnx(network, (3, 64, 64), path)
    if batch is not None:
        fix_batch(path, batch)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)).numpy()
    grid = answers(path, images)
    decode_in_graph(path, decoding_in_graph(decoding, grid.shape[1:]))
    expected = detections(grid, decoding)
    assert all(len(one) > 5 for one in expected)
    assert_same(answers(path, images), expected)
    assert onnx.load(str(path)).graph.output[0].type.tensor_type.shape.dim[0].dim_value == (batch or 0)


@pytest.mark.parametrize("head", HEADS, ids=["yolov2", "detectnet"])
@pytest.mark.parametrize("opset", [13, 18])
def test_boxes_and_their_precision_are_those_of_the_grid_and_a_silent_image_has_none(head, opset, tmp_path):
    labels, outputs = world(head, 1)
    outputs[4] = -50.0
    decoding = decoding_of(head)
    inside = decoding_in_graph(decoding, tuple(outputs.shape[1:]))
    path = grid_file(tmp_path / "grid.onnx", outputs.shape[1:], opset)
    decode_in_graph(path, inside)
    rows = answers(path, outputs)
    assert_same(rows, detections(outputs.numpy(), decoding))
    assert (rows[4] == [-1, 0, 0, 0, 0, 0]).all()
    metric = METRICS["mAP@0.5"]
    outside = metric.of(decoding).score(outputs.numpy(), labels.numpy())
    assert metric.of(inside).score(rows, labels.numpy()) == pytest.approx(outside, abs=0.1)
    samples = Samples(outputs.numpy(), labels.numpy(), outputs.numpy(), "mAP@0.5", inside)
    score = samples.score(lambda images: answers(path, images), 4)
    assert score.accuracy_percent == pytest.approx(outside, abs=0.1) and score.max_abs_error is None


def test_a_grid_of_fewer_candidates_than_rows_has_fewer_rows(tmp_path):
    decoding = {**decoding_of(HEADS[1]), "classes": 1}
    inside = decoding_in_graph(decoding, (5, 3, 3))
    path = grid_file(tmp_path / "grid.onnx", (5, 3, 3))
    decode_in_graph(path, inside)
    assert (inside["rows"], inside["candidates"]) == (9, 9)
    grid = np.random.default_rng(0).standard_normal((2, 5, 3, 3)).astype(np.float32)
    assert_same(answers(path, grid), detections(grid, decoding))


def test_rows_that_are_repeated_as_tensorrt_pads_them_change_nothing(tmp_path):
    """Before 8.5 TensorRT's plugin fills up with its last row, and the order of all of them is not defined."""
    head = HEADS[0]
    _, outputs = world(head, 0)
    path = grid_file(tmp_path / "grid.onnx", outputs.shape[1:])
    decode_in_graph(path, decoding_in_graph(decoding_of(head), tuple(outputs.shape[1:])))
    before = answers(path, outputs)
    model = onnx.load(str(path))
    (place,) = [place for place, node in enumerate(model.graph.node) if node.op_type == "NonMaxSuppression"]
    selected = model.graph.node[place].output[0]
    for node in model.graph.node:
        for number, name in enumerate(node.input):
            if name == selected:
                node.input[number] = "padded"
    constants = {"first": [0], "last": [-1], "backwards": [-1], "end": [np.iinfo(np.int64).min], "axis": [0]}
    for name, values in constants.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(values, np.int64), name))
    added = [
        helper.make_node("Slice", [selected, "last", "end", "axis", "backwards"], ["turned"]),
        helper.make_node("Gather", ["turned", "last"], ["one"], axis=0),
        helper.make_node("Concat", ["turned", "one", "one", "one"], ["padded"], axis=0),
    ]
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes[: place + 1], *added, *nodes[place + 1 :]])
    onnx.save(model, str(path))
    assert np.array_equal(answers(path, outputs), before)


def test_every_parser_reads_such_a_file_but_that_of_8_0_and_those_that_call_it_experimental_say_so(tmp_path):
    path = grid_file(tmp_path / "grid.onnx", (24, 8, 8))
    decode_in_graph(path, decoding_in_graph(decoding_of(HEADS[0]), (24, 8, 8)))
    graph = read_graph(str(path))
    found = {version: check_graph(graph, parser_of(version)) for version in TABLES}
    fatal = {version: [one for one in findings if one.fatal] for version, findings in found.items()}
    assert [version for version, findings in fatal.items() if findings] == [(8, 0)]
    assert "export without --nms-in-graph, and boxes.py of the bundle decodes on the board" in str(fatal[8, 0][0])
    noted = [version for version, findings in found.items() if any("experimental" in one.message for one in findings)]
    assert noted == [(8, 2), (8, 4)]
    (tx2,) = [board for board in BOARDS if board.name == "tx2"]
    plan = make_plan({"fp32": graph}, tx2, "8.2")
    assert plan.will_run and plan.memory.unknown is None and plan.builds[0].predicted is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nms_in_graph": True}, "--nms-in-graph is for detectors .*, and the task digits answers with classes"),
        ({"nms_in_graph": True, "tensorrt": "8.0"}, "TensorRT 8.0 does not parse it; leave it out"),
        ({"tensorrt": "7.1"}, "no operator table for TensorRT 7.1"),
        ({"tensorrt": "new"}, "'new' is not a version of TensorRT"),
    ],
)
def test_what_cannot_be_decoded_so_is_refused_and_nothing_is_left(run, options, message, tmp_path):
    with pytest.raises(UserError, match=message):
        export_individual(run, "g001-c0", tmp_path / "bundle", **options)
    assert not list(Path(tmp_path).glob("*bundle*"))
