"""The search decides by given times: a model of a network in which every unit and every conversion has its price."""

import random
from itertools import pairwise

import pytest

from edgesynth.export.int8.faster.search import MOST_RUNS, fastest_choice


class Network:
    """Units one behind the other; a conversion wherever INT8 begins or ends.

    Args:
        fp32_ms: of each unit.
        int8_ms: of each unit.
        conversion_ms: of each change between the two, also at both ends of the network.
    """

    def __init__(self, fp32_ms, int8_ms, conversion_ms):
        self.fp32_ms, self.int8_ms, self.conversion_ms = fp32_ms, int8_ms, conversion_ms
        self.timed = 0

    def ms(self, choice):
        forms = [False, *(unit in choice for unit in range(len(self.fp32_ms))), False]
        changes = sum(before != after for before, after in pairwise(forms))
        units = (self.int8_ms[unit] if forms[unit + 1] else self.fp32_ms[unit] for unit in range(len(self.fp32_ms)))
        return sum(units) + self.conversion_ms * changes

    def speed_ups(self, reference, others):
        self.timed += len(others)
        return [self.ms(reference) / self.ms(other) for other in others]


def test_where_every_layer_pays_all_are_int8():
    network = Network([1.0] * 8, [0.5] * 8, 0.1)
    assert fastest_choice(8, network.speed_ups) == frozenset(range(8))


def test_where_none_pays_none_is_int8():
    network = Network([1.0] * 8, [1.2] * 8, 0.1)
    assert fastest_choice(8, network.speed_ups) == frozenset()


def test_the_layers_that_pay_are_int8_and_the_others_are_not():
    network = Network([1.0] * 8, [2.0, 2.0, 0.5, 0.5, 0.5, 0.5, 2.0, 2.0], 0.1)
    assert fastest_choice(8, network.speed_ups) == {2, 3, 4, 5}


def test_a_layer_that_is_faster_alone_stays_in_fp32_where_its_conversions_cost_more():
    network = Network([1.0] * 4, [2.0, 0.7, 2.0, 2.0], 0.2)
    assert network.int8_ms[1] < network.fp32_ms[1]
    assert fastest_choice(4, network.speed_ups) == frozenset()


def test_neighbors_share_the_conversions_that_neither_pays_for_alone():
    network = Network([1.0] * 4, [0.7, 0.7, 2.0, 2.0], 0.2)
    assert network.ms({0}) > network.ms(()) and network.ms({1}) > network.ms(())
    assert fastest_choice(4, network.speed_ups) == {0, 1}


def test_a_layer_that_is_slower_in_int8_stays_so_between_two_that_are_faster():
    network = Network([1.0] * 4, [0.5, 1.1, 0.5, 0.5], 0.2)
    assert fastest_choice(4, network.speed_ups) == {0, 1, 2, 3}


def test_the_only_layer_is_switched_by_its_own_time():
    assert fastest_choice(1, Network([1.0], [0.5], 0.1).speed_ups) == {0}
    assert fastest_choice(1, Network([1.0], [0.9], 0.1).speed_ups) == frozenset()


def test_a_gain_below_the_noise_of_the_clock_is_none():
    assert fastest_choice(2, Network([1.0, 1.0], [0.996, 0.996], 0.0).speed_ups) == frozenset()


def test_of_two_gains_that_spoil_each_other_the_larger_is_taken():
    """Each half gains with all else as it is, and both together are slower than either: times need not add up."""
    ms = {(): 10.0, (0,): 8.0, (1,): 7.0, (0, 1): 10.5}

    def speed_ups(reference, others):
        return [ms[tuple(sorted(reference))] / ms[tuple(sorted(other))] for other in others]

    assert fastest_choice(2, speed_ups) == {1}


def test_a_long_network_is_switched_in_no_more_runs_than_noise_allows():
    network = Network([1.0] * 200, [0.5] * 100 + [2.0] * 100, 0.1)
    assert fastest_choice(200, network.speed_ups) == frozenset(range(100))
    # Levels of 2, 4, ... runs, and after each at most two finalists.
    assert network.timed <= 1 + 2 * MOST_RUNS + 2 * MOST_RUNS.bit_length()


def test_a_level_for_which_there_is_no_time_is_not_begun():
    network = Network([1.0] * 8, [0.5, 0.5, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0], 0.1)
    assert fastest_choice(8, network.speed_ups, lambda networks: networks <= 2) == frozenset()
    assert fastest_choice(8, network.speed_ups) == {0, 1}


@pytest.mark.parametrize("seed", range(20))
def test_what_is_chosen_is_never_slower_than_fp32_or_than_all_layers_in_int8(seed):
    draw = random.Random(seed)
    count = draw.randint(1, 40)
    network = Network(*([draw.uniform(0.1, 2.0) for _ in range(count)] for _ in range(2)), draw.uniform(0, 0.5))
    choice = fastest_choice(count, network.speed_ups)
    slack = 1.011  # a gain of a percent is taken for noise
    assert network.ms(choice) <= slack * min(network.ms(()), network.ms(range(count))), f"seed {seed}"
