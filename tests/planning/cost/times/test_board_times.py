"""A board's cost model, asked as a grid is."""

import pytest

from edgesynth.boards.probed import linear_shape
from edgesynth.boards.probed.grid import Beside, Place
from edgesynth.planning.cost import predict_layers, product
from edgesynth.planning.cost.times import BoardTimes
from tests.boards.probed.test_grid import CONV, DEPTHWISE


def test_a_layer_takes_what_the_cost_model_predicts():
    times = BoardTimes("tx2")
    expected = predict_layers([product("a", (48, 32, 3, 3), 64)], "tx2").layers[0].latency_ms
    assert times.time_ms(CONV, 32, 48) == pytest.approx(expected)
    expected = predict_layers([product("a", (10, 64), 1)], "tx2").layers[0].latency_ms
    assert times.time_ms(linear_shape(1), 64, 10) == pytest.approx(expected)


def test_a_strided_convolution_reads_all_and_writes_a_quarter():
    strided = CONV._replace(strides=(2, 2))
    layer = product("a", (48, 32, 3, 3), 16, reads=32 * 64, strided=True)
    expected = predict_layers([layer], "tx2", "fp32", batch=4).layers[0].latency_ms
    assert BoardTimes("tx2", "fp32", batch=4).time_ms(strided, 32, 48) == pytest.approx(expected)


def test_its_steps_are_those_of_the_tiles():
    times = BoardTimes("tx2", batch=64)
    large = CONV._replace(size=(64, 64))
    (row,) = times.times_ms(large, [256], [64, 65, 96])
    assert row[1] == pytest.approx(row[2], rel=0.02) and row[1] > 1.4 * row[0]


def test_a_matrix_of_widths_and_a_depthwise_convolution():
    times = BoardTimes("nano")
    found = times.times_ms(CONV, [16, 32, 64], [16, 32])
    assert found.shape == (3, 2) and found[2, 1] == pytest.approx(times.time_ms(CONV, 64, 32))
    depthwise = times.times_ms(DEPTHWISE, [1, 1], [64, 640])
    assert depthwise[0].tolist() == depthwise[1].tolist() and depthwise[0, 1] > depthwise[0, 0]


def test_what_is_fused_costs_its_residual_input_alone():
    times = BoardTimes("tx2")
    assert times.beside_ms(Beside("Relu", 10**6)) == pytest.approx(0)
    residual = times.beside_ms(Beside("Add+Relu", 3 * 10**6))
    assert 0 < residual < times.beside_ms(Beside("MaxPool", 3 * 10**6))


def test_a_network_adds_up():
    times = BoardTimes("tx2")
    layers = [product(name, (32, 32, 3, 3), 64) for name in "ab"]
    assert times.network_ms([Place(CONV, 32, 32)] * 2) == pytest.approx(predict_layers(layers, "tx2").latency_ms)
