import random

import pytest

from edgesynth.benchmark.power.integral import counted, sampled, ticks_of, trapezoid


def test_a_power_that_rises_evenly_is_integrated_exactly_however_the_samples_lie():
    moments = sorted(random.Random(0).uniform(-1, 11) for _ in range(40))
    points = [(-1.0, 80.0)] + [(t, 100 + 20 * t) for t in moments] + [(11.0, 320.0)]
    assert trapezoid(points, 2.0, 5.0) == pytest.approx(100 * 3 + 10 * (25 - 4))


def test_a_window_between_two_samples_is_cut_from_their_line():
    assert trapezoid([(0.0, 0.0), (10.0, 100.0)], 4.0, 6.0) == pytest.approx(100.0)


def test_beyond_the_samples_the_power_is_that_of_the_nearest():
    assert trapezoid([(1.0, 50.0), (2.0, 70.0)], 0.0, 4.0) == pytest.approx(50 + 60 + 140)


def test_a_counter_is_read_between_its_steps_and_not_between_the_windows_ends():
    # 30 mW, shown every 0.1 s; the window's ends lie between steps.
    points = [(0.01 * i, 3.0 * (i // 10)) for i in range(200)]
    ticks = ticks_of(points, 0.55, 1.54)
    assert [round(t, 6) for t, _ in ticks] == [0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5]
    assert counted(ticks, 0.55, 1.54) == pytest.approx(30 * 0.99)


def test_samples_of_equal_cells_count_alike_and_those_outside_the_window_not_at_all():
    # At rest before the window and after it, at 100 mW within; however near its ends the samples are.
    points = [(-0.1, 0.0), (0.3, 100.0), (0.35, 110.0), (0.9, 90.0), (1.01, 0.0)]
    assert sampled(points, 0.0, 1.0) == pytest.approx(100.0)


def test_the_ends_of_windows_that_are_ends_of_calls_bring_no_error():
    # Each call has 10 W for 40 ms, then 3 W for 60 ms; a window is three calls and each cell of 20 ms has one sample.
    draw = random.Random(0)
    energies_mj = []
    for _ in range(4000):
        first_s = -0.02 * draw.random()
        moments = [first_s + 0.02 * (cell + draw.random()) for cell in range(-1, 18)]
        points = [(moment, 10e3 if moment % 0.1 < 0.04 else 3e3) for moment in moments]
        energies_mj.append(sampled(points, 0.0, 0.3))
    assert sum(energies_mj) / len(energies_mj) == pytest.approx(5800 * 0.3, rel=0.003)
