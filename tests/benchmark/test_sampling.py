"""Where the samples lie, and that no load is in step with them."""

import random
import statistics

from benchmarks.jittered_sampler.simulation import truth_is_inside
from edgesynth.benchmark.power import NoPower
from edgesynth.benchmark.power.meter import UnreadableError
from edgesynth.benchmark.power.sampling import Sampling
from edgesynth.benchmark.timing.timing import Track


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


def moments(sampling, clock, count):
    for _ in range(count):
        clock.now_s = max(clock.now_s, sampling.due_s)
        sampling.take()
    return [sample[0] for sample in sampling.hand_over()["samples"]]


def test_every_cell_has_one_sample_at_a_random_place():
    clock = Clock()
    sampling = Sampling(lambda: [1.0], 0.02, clock, random.Random(0).random)
    _, *taken = moments(sampling, clock, 2000)
    assert [int(moment / 0.02) for moment in taken] == list(range(2000))
    places = [moment / 0.02 % 1 for moment in taken]
    assert abs(statistics.mean(places) - 0.5) < 0.03
    assert min(sum(low <= 4 * place < low + 1 for place in places) for low in range(4)) > 400


def test_cells_that_a_slow_read_uses_up_have_no_sample_and_the_pace_stays():
    clock = Clock()

    def slow():
        clock.now_s += 0.045
        return [1.0]

    sampling = Sampling(slow, 0.02, clock, lambda: 0.5)
    # Middles of the reads: a sample whose moment has passed is taken at once, else in the middle of its cell.
    assert [round(moment, 4) for moment in moments(sampling, clock, 3)] == [0.0225, 0.0675, 0.1125, 0.1575]
    assert round(sampling.due_s, 3) == 0.19


def test_handing_over_takes_no_sample_of_its_own():
    clock = Clock()
    sampling = Sampling(lambda: [clock.now_s], 0.02, clock, lambda: 0.5)
    clock.now_s = 0.013
    assert [sample[1] for sample in sampling.hand_over()["samples"]] == [0.0]
    assert sampling.hand_over()["samples"] == []


def test_a_sample_that_cannot_be_read_is_a_miss_and_the_next_is_taken():
    clock, broken = Clock(), [False]

    def read():
        if broken[0]:
            raise UnreadableError("gone")
        return [5.0]

    sampling = Sampling(read, 0.02, clock, lambda: 0.5)
    broken[0] = True
    sampling.take()
    broken[0] = False
    sampling.take()
    batch = sampling.hand_over()
    assert (len(batch["samples"]), batch["misses"], batch["last_miss"]) == (2, 1, "gone")


def test_a_window_begins_after_a_random_part_of_the_meters_pause():
    meter = NoPower("not needed here")
    meter.pause_s = 0.4
    rests = []
    Track(sleep=rests.append, draw=lambda: 0.25).window(lambda: None, 0.0, meter)
    assert rests == [0.1]


def test_the_interval_holds_the_truth_of_a_load_in_step_with_the_samples():
    runs = [truth_is_inside(seed, call_s=0.02, poll_s=0.02)[0] for seed in range(400)]
    assert sum(runs) >= 0.92 * len(runs)


def test_samples_at_a_steady_pace_hide_the_truth_of_such_a_load():
    runs = [truth_is_inside(seed, call_s=0.02, poll_s=0.02, steady=True)[0] for seed in range(100)]
    assert sum(runs) <= 5


def test_the_interval_is_as_wide_as_independent_samples_make_it():
    widths = [truth_is_inside(seed, call_s=0.02, poll_s=0.02)[1] for seed in range(200)]
    # 72 samples of 10 W for 40 % of the time and 3 W else: a standard error of 7 %, times 2.57 for 6 windows.
    assert 0.16 < statistics.mean(widths) < 0.2
