"""Times between the places of a grid, on grids whose truth is known."""

import json
import math

import numpy as np
import pytest

from edgesynth.benchmark.probe.grid.parts import FixedWidths
from edgesynth.benchmark.probe.grid.widths import places
from edgesynth.benchmark.probe.model_layers import ModelLayer
from edgesynth.boards.probed import LayerShape, linear_shape
from edgesynth.boards.probed.grid import Beside, Place
from edgesynth.errors import UserError
from edgesynth.files.json_file import sealed
from edgesynth.planning.cost.times import GridTimes
from tests.boards.probed.test_grid import CONV, DEPTHWISE, grid_of

FREE = FixedWidths(False, False)


def engine_ms(inputs, outputs):
    """As ONNX Runtime does it with AVX-512: blocks of 16 outputs; of inputs too, where they are a multiple of 4."""
    read = inputs if inputs < 16 else 16 * math.ceil(inputs / 16) if inputs % 4 == 0 else 1.3 * inputs
    return 0.001 + 1e-4 * read * 16 * math.ceil(outputs / 16)


def times_of(layers, ms=engine_ms, fixed=FREE):
    grid = grid_of()
    for shape, inputs, outputs in places(layers, [fixed] * len(layers)):
        grid.add(shape, inputs, outputs, ms(inputs, outputs))
    return GridTimes(grid)


WIDE = ModelLayer("a", CONV._replace(inputs=128), 128)


def test_what_was_measured_is_given_back():
    times = times_of([WIDE])
    for inputs, outputs in ((64, 128), (16, 32), (128, 4), (3, 17), (127, 127)):
        assert times.time_ms(CONV, inputs, outputs) == pytest.approx(engine_ms(inputs, outputs))


def test_a_width_between_costs_what_the_upper_edge_of_its_block_does():
    times = times_of([WIDE])
    inputs, outputs = times.blocks(CONV)
    assert (inputs.block, inputs.multiple, outputs.block) == (16, 4, 16)
    assert times.time_ms(CONV, 64, 100) == pytest.approx(times.time_ms(CONV, 64, 112))
    assert times.time_ms(CONV, 64, 100) > 1.1 * times.time_ms(CONV, 64, 96)


@pytest.mark.parametrize(("inputs", "outputs"), [(36, 100), (100, 36), (99, 80), (41, 77), (9, 50), (70, 13)])
def test_places_that_were_not_measured_are_near_the_truth(inputs, outputs):
    found = times_of([WIDE]).time_ms(CONV, inputs, outputs)
    assert found == pytest.approx(engine_ms(inputs, outputs), rel=0.06)


def test_many_widths_at_once_are_the_same_as_one_by_one():
    times = times_of([WIDE])
    inputs, outputs = [3, 16, 50, 51, 128], [1, 4, 31, 64, 100, 127]
    found = times.times_ms(CONV, inputs, outputs)
    assert found.shape == (5, 6)
    alone = [[times.time_ms(CONV, one, other) for other in outputs] for one in inputs]
    assert np.allclose(found, alone)


def test_a_depthwise_convolution_is_asked_for_by_what_it_writes():
    times = times_of([ModelLayer("a", DEPTHWISE, 64)], ms=lambda _, outputs: 0.1 * outputs)
    assert np.allclose(times.times_ms(DEPTHWISE, [7, 48], [16, 48]), [[1.6, 4.8], [1.6, 4.8]])


def test_rows_of_another_network_that_end_elsewhere_do_not_disturb():
    """Two classifiers: 10 classes of 64 features, 1000 classes of 1280."""
    grid = grid_of()
    last = FixedWidths(False, True)
    for features, classes in ((64, 10), (1280, 1000)):
        for shape, inputs, outputs in places([ModelLayer("a", linear_shape(features), classes)], [last]):
            grid.add(shape, inputs, outputs, 1e-6 * inputs * outputs)
    times = GridTimes(grid)
    assert times.time_ms(linear_shape(1), 640, 1000) == pytest.approx(0.64, rel=0.02)
    assert times.time_ms(linear_shape(1), 48, 10) == pytest.approx(0.00048, rel=0.02)


def test_what_the_grid_does_not_know_is_refused_with_what_to_do():
    times = times_of([WIDE])
    with pytest.raises(UserError, match="knows outputs of 1 to 128 of conv 3x3 at 8x8, and 129 to 129 are asked for"):
        times.time_ms(CONV, 64, 129)
    with pytest.raises(UserError, match="knows inputs of 1 to 128"):
        times.times_ms(CONV, [64, 256], [16])
    with pytest.raises(UserError, match="1 to 128"):
        times.time_ms(CONV, 0, 16)
    with pytest.raises(UserError, match="knows no conv 3x3 at 4x4; probe a network that has it"):
        times.time_ms(CONV._replace(size=(4, 4)), 16, 16)


def test_operators_beside_cost_a_fixed_time_and_one_for_each_element():
    grid = grid_of()
    for elements in (1000, 2000, 4000):
        grid.add_beside(Beside("Add+Relu", elements), 0.001 + 1e-6 * elements)
    grid.add_beside(Beside("MaxPool after Slice", 1000), 0.005)
    times = GridTimes(grid)
    assert times.beside_ms(Beside("Add+Relu", 3000)) == pytest.approx(0.004)
    # Behind others it is what is known of it; what is not known at all, the dearest of the known.
    assert times.beside_ms(Beside("Add+Relu after Concat", 3000)) == pytest.approx(0.004)
    assert times.beside_ms(Beside("MaxPool", 2000)) == pytest.approx(0.01)
    assert times.beside_ms(Beside("Resize", 2000)) == pytest.approx(0.01)
    assert GridTimes(grid_of()).beside_ms(Beside("Resize", 2000)) == 0


def test_no_time_is_below_zero_where_measured_ones_fall():
    grid = grid_of()
    for elements, ms in ((1000, 0.004), (2000, 0.002)):
        grid.add_beside(Beside("Add", elements), ms)
    assert GridTimes(grid).beside_ms(Beside("Add", 9000)) == pytest.approx(0.003)


def test_a_network_is_the_call_its_layers_and_what_lies_beside():
    times = times_of([WIDE])
    times.grid.add_beside(Beside("Add", 1000), 0.5)
    expected = 0.005 + 2 * engine_ms(64, 32) + 0.5
    assert times.network_ms([Place(CONV, 64, 32)] * 2, [Beside("Add", 1000)]) == pytest.approx(expected)


def test_it_says_where_the_times_come_from(tmp_path):
    path = tmp_path / "g.json"
    path.write_text(json.dumps(sealed(grid_of().to_json())))
    assert GridTimes.read(str(path)).source == "measured on a CPU with onnxruntime 1.0 at fp32, one thread"


def test_a_shape_is_known_whatever_it_reads():
    times = times_of([WIDE])
    shape = LayerShape("conv", 77, 1, (8, 8), (3, 3), (1, 1), (1, 1), (1, 1, 1, 1))
    assert times.time_ms(shape, 64, 64) == times.time_ms(CONV, 64, 64)
