"""Files of units: onnx says whether they are such, and ONNX Runtime computes them."""

import numpy as np
import onnx
import onnxruntime
import pytest

from edgesynth.benchmark.probe.grid.parts import parts_of
from edgesynth.benchmark.probe.grid.unit_file import (
    copies_of,
    frame_units,
    group_units,
    layer_units,
    size_behind,
    smallest_file,
)
from edgesynth.benchmark.probe.onnx_graph import read_graph
from edgesynth.boards.probed import LayerShape, linear_shape
from edgesynth.boards.probed.grid import Place, any_inputs, place_of
from edgesynth.planning.cost import layers_of

from .networks import residual, separable

CONV = LayerShape("conv", 6, 1, (9, 8), (3, 3), (2, 2), (1, 1), (1, 0, 1, 0))
SHAPES = [CONV, CONV._replace(inputs=3, groups=2, dilations=(1, 2)), CONV._replace(op="depthwise", inputs=1)]
SHAPES += [linear_shape(12), LayerShape("conv", 4, 1, (20,), (3,), (1,), (1,), (1, 1))]


def run(content):
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {"images": np.ones(session.get_inputs()[0].shape, np.float32)})


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_file_holds_the_layer_as_often_as_it_was_asked_for(shape):
    content = layer_units(place_of(shape, 4), copies=3, batch=2).content
    outputs = run(content)
    assert len(outputs) == 3 and {len(one) for one in outputs} == {2}
    assert all(np.isfinite(one).all() and np.abs(one).max() > 0 for one in outputs)
    layers = layers_of(onnx.load_from_string(content))
    placed = [place_of(layer.shape, layer.width) for layer in layers if layer.shape is not None]
    assert placed.count(place_of(shape, 4)) == 3


def test_the_frame_is_what_is_left_without_the_layer():
    whole = onnx.load_from_string(layer_units(place_of(CONV, 4), copies=1, batch=1).content).graph.node
    frame = onnx.load_from_string(frame_units((9, 8), 6, readers=1, copies=1, batch=1).content).graph.node
    assert [node.op_type for node in frame] == ["Conv", "Relu", "Conv"]
    assert [node.op_type for node in whole] == ["Conv", "Relu", "Conv", "Relu", "Conv"]
    assert len(run(frame_units((9, 8), 6, readers=2, copies=4, batch=1).content)) == 8
    assert [one.shape for one in run(frame_units((), 7, readers=0, copies=2, batch=3).content)] == [(3, 7)] * 2


def test_the_size_behind_a_layer_is_what_the_engine_writes():
    for shape in SHAPES[:3]:
        (read,) = (node for node in onnx.load_from_string(
            layer_units(place_of(shape, 4), copies=1, batch=1).content).graph.node[-1:])  # fmt: skip
        strides = next(tuple(entry.ints) for entry in read.attribute if entry.name == "strides")
        assert strides == size_behind(shape)


@pytest.mark.parametrize("make", [residual, separable])
def test_groups_are_taken_over_as_they_stand_and_can_be_run(make, tmp_path):
    graph = read_graph(make(tmp_path / "m.onnx"))
    parts = parts_of(graph)
    for group in parts.groups:
        file = group_units((*group.above, group), graph, parts.constants, copies=2, batch=1)
        model = onnx.load_from_string(file.content)
        ops = [node.op_type for node in model.graph.node]
        for op in {node.op for node in group.nodes} - {"Relu"}:
            wanted = [node.op for one in (*group.above, group) for node in one.nodes].count(op)
            assert ops.count(op) == 2 * wanted
        assert all(np.isfinite(one).all() for one in run(file.content))


def test_a_file_of_a_group_has_the_model_s_own_opset(tmp_path):
    graph = read_graph(residual(tmp_path / "m.onnx"))
    parts = parts_of(graph)
    file = group_units((parts.groups[0],), graph, parts.constants, copies=1, batch=1)
    assert onnx.load_from_string(file.content).opset_import[0].version == 13


def test_heavy_layers_are_held_less_often_than_light_ones():
    shape = any_inputs(CONV)
    assert copies_of(Place(shape, 4, 4)) == 8 and copies_of(Place(shape, 512, 512)) == 4


def test_the_smallest_file_computes_one_value():
    (value,) = run(smallest_file(2).content)
    assert value.shape == (2, 1, 1, 1)
