"""Blocks are learned from times that were made of them."""

import math

import numpy as np
import pytest

from edgesynth.planning.cost.times.blocks import Blocks, learned

WIDTHS = (*range(17, 35), 40, 44, 47, 48, 49, 4, 8, 12, 16, 64)


def noisy(times, share=0.01):
    draws = np.random.default_rng(0)
    return {width: ms * (1 + share * draws.standard_normal()) for width, ms in times.items()}


@pytest.mark.parametrize("block", [8, 16, 32])
def test_a_staircase_is_learned_with_its_block(block):
    found = learned(noisy({width: 0.1 * math.ceil(width / block) for width in WIDTHS}))
    assert (found.block, found.even_share) == (block, 1.0)


def test_where_every_channel_costs_time_there_are_no_blocks():
    assert learned(noisy({width: 0.01 * width for width in WIDTHS})).block == 1


def test_odd_widths_that_go_another_way_are_told_from_the_multiples_that_do_not():
    def ms(width):
        return 0.1 * math.ceil(width / 16) if width % 4 == 0 else 0.05 + 0.02 * width

    found = learned(noisy({width: ms(width) for width in WIDTHS}))
    assert (found.block, found.multiple) == (16, 4)
    assert found.even_share == 1.0 and found.odd_share <= 0.2


def test_times_too_short_to_be_told_from_nothing_are_no_obstacle():
    assert learned({width: 0.0 if width < 20 else 0.01 * width for width in WIDTHS}).block >= 1
    assert learned(dict.fromkeys(WIDTHS, 0.0)) == Blocks()


def test_of_few_widths_nothing_is_learned():
    assert learned({width: 0.1 * math.ceil(width / 16) for width in (4, 8, 16, 32)}) == Blocks()


def test_a_width_counts_as_its_block_s_upper_edge_and_below_the_first_as_itself():
    blocks = Blocks(16, 4, even_share=1.0, odd_share=0.5)
    assert blocks.effective(np.array([4, 15, 16, 20, 32, 33])).tolist() == [4, 15, 16, 32, 32, 40.5]
    assert blocks.zone(np.array([4, 15, 16, 20, 33])).tolist() == [0, 2, 1, 1, 3]
