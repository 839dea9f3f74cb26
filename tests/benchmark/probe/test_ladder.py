"""The order of a probe: coarse before fine, every width once."""

from itertools import pairwise

from edgesynth.benchmark.probe.ladder import levels, missing, rungs
from edgesynth.benchmark.probe.model_layers import ModelLayer
from edgesynth.boards.probed import LayerShape, linear_shape

CONV = LayerShape("conv", 32, 1, (8, 8), (3, 3), (1, 1), (1, 1), (1, 1, 1, 1))
FIRST = CONV._replace(inputs=3, size=(16, 16))


def test_the_ends_come_first_and_then_the_middle_of_every_gap():
    assert levels(9, 2) == [[9, 1], [5], [7, 3]]
    assert levels(1, 1) == [[1]] and levels(4, 8) == [[4, 1]]
    assert sorted(width for level in levels(64, 1) for width in level) == list(range(1, 65))


def test_no_gap_of_a_whole_ladder_is_wider_than_the_finest():
    for most in (2, 3, 17, 64, 100, 1000):
        widths = sorted(width for level in levels(most, 8) for width in level)
        assert widths[0] == 1 and widths[-1] == most
        assert max(right - left for left, right in pairwise(widths)) <= 8


def test_every_layer_s_coarse_widths_come_before_any_layer_s_fine_ones():
    layers = [ModelLayer("a", FIRST, 32), ModelLayer("b", CONV, 64), ModelLayer("c", CONV, 48)]
    order = rungs(layers, 16, 1)
    assert [rung.shape for rung in order[:2]] == [FIRST, CONV]
    assert [rung.widths for rung in order] == [(32, 1), (64, 1), (16,), (32,), (48, 16)]


def test_the_input_varies_where_asked_and_never_the_image_s_channels():
    found = rungs([ModelLayer("a", FIRST, 8), ModelLayer("b", CONV, 8)], 8, 3)
    assert sorted(rung.shape.inputs for rung in found if rung.shape.size == (8, 8)) == [1, 16, 32]
    assert [rung.shape.inputs for rung in found if rung.shape.size == (16, 16)] == [3]
    assert [rung.shape.inputs for rung in found][:3] == [3, 32, 1]  # the middle is finer, so it is last


def test_widths_of_a_grouped_convolution_are_multiples_of_its_groups():
    grouped = CONV._replace(inputs=4, groups=8)
    assert [rung.widths for rung in rungs([ModelLayer("a", grouped, 64)], 4, 3)] == [(64, 8), (32,)]


def test_what_was_measured_is_not_measured_again():
    (rung, *_) = rungs([ModelLayer("a", linear_shape(10), 20)], 8, 1)
    assert missing(rung, {(linear_shape(10), 20), (linear_shape(11), 1)}).widths == (1,)
