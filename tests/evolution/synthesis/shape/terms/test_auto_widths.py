"""Candidate widths where no number is given: the engine's multiples, and the ends of the steps of its times."""

import functools
import math

import numpy as np
import pytest
import torch
from torch import nn

from edgesynth.anatomy import trace
from edgesynth.boards.channel_multiples import Multiples
from edgesynth.evolution.synthesis.shape import LayerCosts, build_problem
from edgesynth.evolution.synthesis.shape.terms.auto_widths import widest_by_cost


class Separable(nn.Module):
    """A dense group, and one that a grouped and a depthwise convolution share with dense ones."""

    def __init__(self):
        super().__init__()
        self.first, self.wide = nn.Conv2d(3, 24, 3), nn.Conv2d(24, 64, 1)
        self.depth, self.last = nn.Conv2d(64, 64, 3, groups=64), nn.Conv2d(64, 5, 1)

    def forward(self, x):
        return self.last(torch.relu(self.depth(torch.relu(self.wide(torch.relu(self.first(x)))))))


@pytest.fixture(scope="module")
def anatomy():
    torch.manual_seed(0)
    return trace(Separable().eval(), torch.zeros(1, 3, 8, 8))


def widths_of(anatomy, multiples, limits, table=None, **given):
    viability = {group.name: torch.zeros(group.size, dtype=torch.float64) for group in anatomy.removable}
    costs = {"latency_ms": LayerCosts(table)} if table else {}
    problem = build_problem(anatomy, {}, viability, dict.fromkeys(limits, math.inf), costs, multiples, **given)
    return [group.widths.tolist() for group in problem.groups.values()]


def by_tiles(layer, inputs, outputs, tile=16):
    return np.ceil(inputs / tile)[:, None] * np.ceil(outputs / tile) + 1.0


def evenly(layer, inputs, outputs):
    return inputs[:, None] * outputs.astype(float)


def test_widths_are_the_ends_of_the_steps_of_the_times(anatomy):
    narrow, wide = widths_of(anatomy, Multiples(), ["latency_ms"], by_tiles)
    assert narrow == [1, 16, 24]
    assert wide == [1, 16, 32, 48, 64]


def test_where_times_rise_evenly_so_do_the_widths(anatomy):
    narrow, wide = widths_of(anatomy, Multiples(), ["latency_ms"], evenly, most_widths=9)
    assert len(wide) == 9 and wide[0] == 1 and wide[-1] == 64
    assert max(np.diff(wide)) <= 9 and max(np.diff(narrow)) <= 4


def test_a_group_takes_the_multiples_of_all_its_layers_and_halves_where_it_is_narrow(anatomy):
    narrow, wide = widths_of(anatomy, Multiples(dense=8, grouped=32), ["latency_ms"], evenly)
    assert narrow == [1, 8, 16, 24]
    assert wide == [1, 32, 64]
    narrow, _ = widths_of(anatomy, Multiples(dense=32, grouped=4), ["latency_ms"], evenly)
    assert narrow == [1, 8, 16, 24]  # two of 16 do not fit


def test_where_depthwise_channels_need_a_multiple_they_have_no_other_width_however_narrow():
    torch.manual_seed(0)
    narrow = nn.Sequential(nn.Conv2d(3, 6, 1), nn.Conv2d(6, 6, 3, groups=6), nn.Conv2d(6, 20, 1), nn.Conv2d(20, 5, 1))
    anatomy = trace(narrow.eval(), torch.zeros(1, 3, 8, 8))
    for table in (evenly, None):
        limits = ["latency_ms"] if table else ["macs"]
        depthwise, dense = widths_of(anatomy, Multiples(32, 4, 4), limits, table)
        assert depthwise == [4, 6]
        assert dense[0] == 1
        assert widths_of(anatomy, Multiples(32, 4), limits, table)[0] == [1, 2, 4, 6]


def test_beside_a_budget_of_counts_narrower_widths_of_a_step_are_of_use(anatomy):
    table = functools.partial(by_tiles, tile=32)
    assert widths_of(anatomy, Multiples(4, 4), ["latency_ms"], table)[1] == [1, 32, 64]
    assert widths_of(anatomy, Multiples(4, 4), ["latency_ms", "macs"], table)[1] == [1, 16, 32, 48, 64]


def test_without_times_widths_are_multiples_at_even_distances(anatomy):
    narrow, wide = widths_of(anatomy, Multiples(16, 16), ["macs"])
    assert (narrow, wide) == ([1, 8, 16, 24], [1, 16, 32, 48, 64])


def test_a_least_share_of_each_width_is_left(anatomy):
    narrow, wide = widths_of(anatomy, Multiples(), ["latency_ms"], by_tiles, least_share=0.4)
    assert (narrow, wide) == ([10, 16, 24], [26, 32, 48, 64])


def test_of_widths_of_one_cost_the_widest_is_taken_and_the_narrowest_of_all_stays():
    widths, costs = np.arange(1, 9), np.array([2.0, 2.0, 1.0, 3.0, 3.0, 5.0, 4.0, 6.0])
    assert widest_by_cost(widths, costs, 9).tolist() == [1, 3, 5, 7, 8]
    assert widest_by_cost(widths, costs, 3).tolist() == [1, 3, 8]
