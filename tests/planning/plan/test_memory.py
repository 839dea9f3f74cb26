import numpy as np
from onnx import helper

from edgesynth.planning.onnx.onnx_graph import read_graph
from edgesynth.planning.plan.memory import memory_of

from ..networks import lenet, quantized, residual, weight, write

FLOAT = 4


def memory(path, batch=1):
    return memory_of(read_graph(str(path)), batch)


def test_weights_are_counted_to_the_byte(tmp_path):
    assert memory(lenet(tmp_path / "m.onnx")).weights_bytes == FLOAT * (6 * 25 + 6 + 10 * 864 + 10)


def test_the_peak_is_the_largest_pair_of_neighbors_in_a_chain(tmp_path):
    # Convolution to 6 x 24 x 24, then ReLU: two such tensors at once.
    path = lenet(tmp_path / "m.onnx")
    assert memory(path).activations_bytes == FLOAT * 2 * 6 * 24 * 24
    assert memory(path, batch=8).activations_bytes == 8 * FLOAT * 2 * 6 * 24 * 24


def test_a_shortcut_is_alive_until_it_is_added(tmp_path):
    # At the addition: the shortcut, the branch and the sum, each 8 x 16 x 16.
    assert memory(residual(tmp_path / "m.onnx")).activations_bytes == FLOAT * 3 * 8 * 16 * 16


def test_weights_that_are_quantized_in_the_graph_are_no_activations(tmp_path):
    path = quantized(residual(tmp_path / "m.onnx"), tmp_path / "q.onnx")
    # int8 beside float: less than the plain network has, or no more than it and one tensor of int8.
    assert memory(path).activations_bytes <= FLOAT * 3 * 8 * 16 * 16 + 8 * 16 * 16


def test_a_shape_that_nothing_tells_is_named_and_not_counted_as_zero(tmp_path):
    nodes = [helper.make_node("Relu", ["images"], ["a"]), helper.make_node("Conv", ["a", "w"], ["out"])]
    path = write(tmp_path / "m.onnx", nodes, {"w": weight(4, 3, 3, 3)}, {"images": ["N", 3, "H", "W"]})
    found = memory(path)
    assert (found.activations_bytes, found.unknown) == (None, "images")
    assert found.total_bytes == found.weights_bytes == FLOAT * 4 * 27


def test_shapes_follow_through_constants(tmp_path):
    node = helper.make_node("Reshape", ["images", "shape"], ["out"])
    path = write(tmp_path / "m.onnx", [node], {"shape": np.array([0, -1], np.int64)})
    assert memory(path).activations_bytes == 2 * FLOAT * 3 * 16 * 16
