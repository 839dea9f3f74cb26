import json
import math

import pytest

from edgesynth.benchmark.timing import scenarios
from edgesynth.benchmark.timing.scenarios import rank_of_bound
from edgesynth.benchmark.timing.timing import Track
from edgesynth.errors import UserError


def _track(latencies_ms, duration_s):
    track = Track()
    track.latencies_ms, track.duration_s = list(latencies_ms), duration_s
    return track


def _chance_that_the_bound_is_too_low(count, rank):
    """That `rank` or more of so many queries lie below the true 90th percentile, summed exactly."""
    return sum(math.comb(count, below) * 9**below for below in range(rank, count + 1)) / 10**count


@pytest.mark.parametrize("count", [44, 100, 1000])
def test_the_bound_is_the_smallest_rank_that_is_too_low_once_in_a_hundred(count):
    rank = rank_of_bound(count)
    assert _chance_that_the_bound_is_too_low(count, rank) <= 0.01
    assert _chance_that_the_bound_is_too_low(count, rank - 1) > 0.01


def test_with_43_queries_not_even_the_longest_is_a_bound():
    assert 0.9**43 > 0.01 > 0.9**44
    assert (rank_of_bound(43), rank_of_bound(44), rank_of_bound(1)) == (None, 44, None)


def test_single_stream_is_the_p90_and_its_bound():
    figures = scenarios.find("single-stream").figures(_track(range(1000, 0, -1), 500.5), 1)
    assert (figures["p90_ms"], figures["queries"], figures["duration_s"]) == (900, 1000, 500.5)
    assert figures["p90_at_most_ms"] == rank_of_bound(1000) > 900


def test_offline_counts_images_over_the_wall_time():
    figures = scenarios.find("offline").figures(_track([2.0] * 50, 0.2), 8)
    assert (figures["images"], figures["images_per_s"]) == (400, pytest.approx(2000))


def test_offline_takes_the_largest_batch_and_single_stream_one_image():
    assert scenarios.find("offline").batches((1, 32, 8)) == (32,)
    assert scenarios.find("single-stream").batches((1,)) == (1,)
    with pytest.raises(UserError, match="one image at a time and the batch is 1,8; use --batch 1"):
        scenarios.find("single-stream").batches((1, 8))


def test_the_command_answers_the_scenario_for_at_least_the_asked_duration(edgesynth, bundle):
    arguments = ("benchmark", bundle, "--precision", "fp32", "--duration-s", "0.3", "--warm-up-s", "0")
    code, out, err = edgesynth(*arguments, "--scenario", "single-stream")
    assert code == 0, err
    result = json.loads((bundle / "result.json").read_text())
    (one,) = result["measurements"]
    assert result["settings"]["scenario"] == "single-stream"
    assert one["scenario"]["duration_s"] >= 0.3
    assert one["scenario"]["p90_ms"] == one["latency_ms"]["p90"] <= one["scenario"]["p90_at_most_ms"]
    assert f"fp32 x1, single-stream: p90 {one['latency_ms']['p90']:.3f} ms (at most " in out
    code, out, err = edgesynth(*arguments, "--scenario", "offline", "--batch", "1,8")
    assert code == 0, err
    (one,) = json.loads((bundle / "result.json").read_text())["measurements"]
    assert (one["batch"], one["scenario"]["images"]) == (8, 8 * one["latency_ms"]["count"])
    assert one["scenario"]["images_per_s"] == pytest.approx(one["throughput_images_per_s"])


def test_runs_of_different_scenarios_are_not_compared(edgesynth, bundle):
    arguments = ("benchmark", bundle, "--precision", "fp32", "--duration-s", "0.05", "--warm-up-s", "0")
    edgesynth(*arguments, "-o", "a.json")
    edgesynth(*arguments, "-o", "b.json", "--scenario", "single-stream")
    code, _, err = edgesynth("compare", "a.json", "b.json")
    assert code == 2
    assert "scenario is plain and single-stream" in err
