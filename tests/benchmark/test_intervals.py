import random

import pytest

from edgesynth.benchmark.result.intervals import median, median_interval, ratio_interval


def test_the_interval_holds_the_true_ratio_about_as_often_as_it_says():
    rng = random.Random(7)
    held = 0
    for _ in range(400):
        slow = [2.0 * rng.lognormvariate(0, 0.1) for _ in range(200)]
        fast = [1.0 * rng.lognormvariate(0, 0.1) for _ in range(200)]
        low, high = ratio_interval(slow, fast)
        held += low <= 2.0 <= high
    assert 370 <= held <= 396, f"seed 7: {held} of 400"


def test_drift_within_a_run_widens_the_interval_though_its_values_are_the_same():
    steady = [1.0, 1.1, 1.2, 1.3, 1.4] * 20
    drifting = sorted(steady)
    flat = [1.0] * 100
    assert ratio_interval(steady, flat) == pytest.approx((1.2, 1.2))
    low, high = ratio_interval(drifting, flat)
    assert low < 1.14 and high > 1.26


def test_the_interval_is_around_the_ratio_of_the_medians():
    low, high = ratio_interval([3.0, 4.0, 5.0, 4.0, 3.5], [1.0, 1.1, 0.9, 1.0, 1.0])
    assert (low * high) ** 0.5 == pytest.approx(median([3.0, 4.0, 5.0, 4.0, 3.5]) / 1.0)
    assert low < 4.0 < high


def test_fewer_than_five_latencies_have_no_interval():
    assert ratio_interval([1.0] * 4, [1.0] * 100) is None


def test_the_interval_of_a_median_holds_it_about_as_often_as_it_says():
    rng = random.Random(11)
    held = 0
    for _ in range(400):
        low, high = median_interval([2.0 * rng.lognormvariate(0, 0.1) for _ in range(200)])
        held += low <= 2.0 <= high
    assert 368 <= held <= 396, f"seed 11: {held} of 400"
    assert median_interval([1.0] * 4) is None and median_interval([3.0] * 10) == pytest.approx((3.0, 3.0))
