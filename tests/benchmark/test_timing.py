import math
import time

import pytest

from edgesynth.benchmark.power import NoPower
from edgesynth.benchmark.timing.timing import (
    LEAST_ITERATIONS,
    Track,
    busy_cores,
    percentile,
    spread,
    time_interleaved,
)

NO_METER = NoPower("not needed here")


@pytest.mark.parametrize(
    ("count", "percent", "value"),
    [
        (100, 99, 99),  # one of a hundred is left out
        (100, 90, 90),
        (100, 50, 50),
        (10, 99, 10),  # too few to leave one out: the slowest
        (10, 90, 9),  # floating point would leave out 0.9999 values, that is none
        (4, 50, 2),
        (1, 50, 1),
        (3, 0, 1),
    ],
)
def test_percentile_is_the_nearest_rank_of_trtexec(count, percent, value):
    assert percentile(list(range(1, count + 1)), percent) == value


def test_spread_has_the_exact_moments():
    latency = spread([4.0, 2.0, 6.0, 8.0])
    assert latency["mean"] == 5.0
    assert latency["min"] == 2.0
    assert latency["std"] == pytest.approx(math.sqrt(5.0))
    assert latency["cov"] == pytest.approx(math.sqrt(5.0) / 5.0)
    assert latency["count"] == 4
    assert (latency["p50"], latency["p90"], latency["p99"]) == (4.0, 8.0, 8.0)


def test_equal_latencies_vary_by_nothing():
    assert spread([0.1] * 7)["cov"] == pytest.approx(0.0, abs=1e-12)


def test_windows_go_by_turns_forwards_and_backwards():
    order = []
    calls = [lambda name=name: order.append(name) for name in "ABC"]
    # So short that each window is one settling and one timed call, and that rounds 1 to 3 have no time left to them.
    time_interleaved(calls, duration_s=1e-9, warm_up_s=0.0, meter=NO_METER)
    assert "".join(order[3::2]) == "ABC" + "ABCCBA" * 4 + "ABC"


def test_every_call_is_timed_at_least_ten_times_however_short_the_duration():
    counts = [0, 0]

    def count(index):
        counts[index] += 1

    tracks = time_interleaved([lambda: count(0), lambda: count(1)], 1e-9, 0.0, NO_METER)
    assert all(len(track.latencies_ms) >= LEAST_ITERATIONS for track in tracks)


def test_untimed_calls_are_not_among_the_latencies():
    calls = []
    (track,) = time_interleaved([lambda: calls.append(1)], 1e-9, 0.0, NO_METER)
    windows = LEAST_ITERATIONS
    assert len(track.latencies_ms) == windows
    assert len(calls) == 1 + 2 * windows  # one to warm up, and one to settle before each window of one


def test_the_window_is_as_long_as_the_calls_in_it():
    (track,) = time_interleaved([lambda: sum(range(2000))], 0.02, 0.0, NO_METER)
    assert sum(track.latencies_ms) == pytest.approx(track.duration_s * 1e3, rel=1e-6)


def test_what_is_done_between_calls_comes_before_each_timed_one_and_is_in_no_latency():
    order = []

    def between():
        order.append("between")
        time.sleep(0.005)

    (track,) = time_interleaved([lambda: order.append("call")], 0.1, 0.0, NO_METER, between=between)
    assert order.count("between") == len(track.latencies_ms) >= 10
    assert all(one != "between" or order[place + 1] == "call" for place, one in enumerate(order))
    assert sorted(track.latencies_ms)[len(track.latencies_ms) // 2] < 2.0 and track.duration_s >= 0.05


def test_a_core_that_waits_in_a_loop_is_busy_and_one_that_sleeps_is_not():
    def spin():
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass

    spinning, sleeping = Track(), Track()
    spinning.window(spin, 0.2, NO_METER)
    sleeping.window(lambda: time.sleep(0.02), 0.2, NO_METER)
    # Processor time, so that other work on this machine does not change what is counted.
    assert spinning.windows[0].cpu_s == pytest.approx(0.02 * spinning.windows[0].calls, rel=0.1)
    assert busy_cores(spinning) == pytest.approx(spinning.windows[0].cpu_s / spinning.duration_s)
    assert busy_cores(sleeping) < 0.2
