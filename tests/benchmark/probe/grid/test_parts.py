"""How a network is taken apart: layers, what lies beside, and what that hangs on."""

from edgesynth.benchmark.probe.grid.parts import parts_of
from edgesynth.benchmark.probe.onnx_graph import read_graph
from edgesynth.boards.probed.grid import Beside

from .networks import residual, separable


def parts(path):
    return parts_of(read_graph(path))


def test_operators_that_hand_a_tensor_to_one_reader_alone_are_one_group(tmp_path):
    found = parts(residual(tmp_path / "m.onnx"))
    assert [beside.op for beside in found.beside] == [
        "Relu",
        "Relu",
        "Slice+Pad+Add+Relu",
        "Relu",
        "Add+Relu+GlobalAveragePool+Flatten after Pad+Slice",
    ]
    # Each value that is read and each that is written: two inputs of 4x8x8 and one output of as many.
    assert found.beside[2] == Beside("Slice+Pad+Add+Relu", 3 * 4 * 64)
    assert found.beside[4].elements == 2 * 4 * 64 + 4


def test_of_a_chain_of_equal_groups_the_first_alone_is_above_the_others(tmp_path):
    found = parts(residual(tmp_path / "m.onnx", blocks=6))
    sums = [group for group in found.groups if group.beside.op == "Add+Relu after Pad+Slice"]
    assert len(sums) == 4
    assert [len(group.above) for group in sums] == [2, 3, 3, 3]
    assert sums[3].above[2].nodes is sums[0].nodes
    assert [one.source for one in sums[3].inputs if one.source] == [sums[0].outputs[0][0]]


def test_a_tensor_that_a_layer_writes_for_one_reader_may_be_fused_and_one_for_two_may_not(tmp_path):
    found = parts(residual(tmp_path / "m.onnx"))
    stem, first, addition = found.groups[:3]
    assert [one.alone for one in stem.inputs] == [True] and [one.alone for one in first.inputs] == [True]
    assert {one.alone for one in addition.inputs if not one.source} == {True}


def test_the_image_s_channels_and_the_answer_s_are_fixed(tmp_path):
    found = parts(separable(tmp_path / "m.onnx"))
    assert [(fixed.inputs, fixed.outputs) for fixed in found.fixed] == [
        (True, False),
        (False, False),
        (False, False),
        (False, True),
    ]
    assert [(place.inputs, place.outputs) for place in found.places] == [(3, 8), (1, 8), (8, 12), (12, 5)]


def test_what_cannot_be_probed_as_a_layer_lies_beside(tmp_path):
    from tests.planning.cost.sketch import Graph

    from .networks import save

    graph = Graph((4, 8, 8))
    x = graph.conv("images", 4, 8)
    x = graph.node("ConvTranspose", x, graph.weight(8, 4, 2, 2), strides=[2, 2])
    found = parts(save(graph.model(graph.node("Relu", x)), tmp_path / "m.onnx"))
    assert found.beside == [Beside("ConvTranspose+Relu", 8 * 64 + 4 * 256)]
    assert found.left_out == ["ConvTranspose1: a transposed convolution"]
