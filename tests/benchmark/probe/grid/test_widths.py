"""Which widths are measured."""

from edgesynth.benchmark.probe.grid.parts import FixedWidths
from edgesynth.benchmark.probe.grid.widths import even_widths, odd_widths, places
from edgesynth.benchmark.probe.model_layers import ModelLayer
from edgesynth.boards.probed import LayerShape

CONV = LayerShape("conv", 64, 1, (8, 8), (3, 3), (1, 1), (1, 1), (1, 1, 1, 1))
FREE = FixedWidths(False, False)


def test_small_widths_whole_blocks_and_the_most_are_measured_and_odd_ones_beside_them():
    assert even_widths(64) == [4, 8, 12, 16, 32, 64] and odd_widths(64) == [3, 15, 17, 63]
    assert even_widths(24) == [4, 8, 12, 16, 24] and odd_widths(24) == [3, 15, 17, 23]
    assert even_widths(3) == [3] and odd_widths(3) == [1] and even_widths(1) == [1] and odd_widths(1) == []


def test_every_width_of_one_side_is_measured_at_every_width_of_the_other():
    found = places([ModelLayer("a", CONV, 32)], [FREE])
    inputs = {*even_widths(64), *odd_widths(64)}
    outputs = {*even_widths(32), *odd_widths(32)}
    assert {(place.inputs, place.outputs) for place in found} >= {(one, other) for one in inputs for other in outputs}
    assert len(found) == len(set(found))


def test_whole_blocks_come_first_and_odd_widths_last():
    found = places([ModelLayer("a", CONV, 64)], [FREE])
    blocks = len(even_widths(64)) ** 2
    assert all(place.inputs % 4 == place.outputs % 4 == 0 for place in found[:blocks])
    assert all(place.inputs % 2 or place.outputs % 2 for place in found[-20:])


def test_each_side_has_a_row_of_neighbors_in_one_shape_of_each_kind():
    small, large = CONV._replace(size=(4, 4)), CONV._replace(size=(32, 32))
    found = places([ModelLayer("a", large, 64), ModelLayer("b", small, 64)], [FREE, FREE])
    dense = [place for place in found if (place.inputs, place.outputs) == (22, 32)]
    assert [place.shape.size for place in dense] == [(4, 4)]
    assert {place.outputs for place in found if place.inputs == 32} >= set(range(17, 35))


def test_what_no_removal_changes_is_measured_as_it_is():
    first = CONV._replace(inputs=3, size=(16, 16))
    found = places(
        [ModelLayer("a", first, 16), ModelLayer("b", CONV, 10)], [FixedWidths(True, False), FixedWidths(False, True)]
    )
    assert {place.inputs for place in found if place.shape.size == (16, 16)} == {3}
    assert {place.outputs for place in found if place.shape.size == (8, 8)} == {10}


def test_groups_keep_their_number_and_a_depthwise_convolution_has_one_width():
    grouped = CONV._replace(inputs=4, groups=8)
    found = places([ModelLayer("a", grouped, 64)], [FREE])
    assert {place.inputs % 8 for place in found} == {0} and {place.outputs for place in found} == {32, 64}
    depthwise = CONV._replace(op="depthwise", inputs=1)
    assert {place.inputs for place in places([ModelLayer("a", depthwise, 24)], [FREE])} == {1}


def test_of_one_shape_the_widest_layer_counts():
    found = places([ModelLayer("a", CONV, 16), ModelLayer("b", CONV._replace(inputs=16), 48)], [FREE, FREE])
    assert (max(place.inputs for place in found), max(place.outputs for place in found)) == (64, 48)
