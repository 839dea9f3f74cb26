import json

import pytest

from edgesynth.report.benchmarks import latencies_ms, read_benchmarks

from .world import measurement, write_result


def test_figures_are_read_with_their_units(benchmarked_run):
    (bundle,) = read_benchmarks(benchmarked_run.path).measured
    assert (bundle.individual, [(one.precision, one.batch) for one in bundle.measurements]) == (
        "g002-c1",
        [("fp32", 1), ("fp32", 8), ("int8", 1)],
    )
    fp32, _, int8 = bundle.measurements
    assert fp32.cov_percent == pytest.approx(100 * measurement("fp32", 0.25)["latency_ms"]["cov"])
    assert (int8.speedup_x, int8.accuracy_percent, int8.size_bytes) == (2.0, 97.67, 123456)
    assert int8.energy == "12.500 mJ/image, 80.0 images/J (79.1 to 80.9) (rapl, package-0)"
    assert fp32.energy == "not measured: no RAPL found: /sys has no powercap"


def test_the_first_batch_is_the_one_that_was_given_first(benchmarked_run):
    (bundle,) = read_benchmarks(benchmarked_run.path).measured
    assert [one.precision for one in bundle.first_batch] == ["fp32", "int8"]


def test_the_load_of_a_moment_is_no_fact_of_the_machine(benchmarked_run):
    (bundle,) = read_benchmarks(benchmarked_run.path).measured
    assert bundle.machine == (("cpu", "A Processor @ 2 GHz"), ("cores", "2"))


def damaged(change):
    one = measurement("fp32", 0.25)
    change(one)
    return one


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        b"\xff\xfe",
        json.dumps({"schema": 1, "kind": "benchmark"}),
        json.dumps({"schema": 99, "kind": "benchmark"}),
    ],
)
def test_a_damaged_result_is_named_and_the_others_are_read(benchmarked_run, text):
    path = write_result(benchmarked_run, "broken")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    benchmarks = read_benchmarks(benchmarked_run.path)
    assert [file for file, _ in benchmarks.damaged] == ["bundles/broken/result.json"]
    assert [bundle.individual for bundle in benchmarks.measured] == ["g002-c1"]


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        (lambda one: one["latency_ms"].pop("p99"), "p99"),
        (lambda one: one["latency_ms"].update(p50=None), "TypeError"),
        (lambda one: one["latency_ms"].update(p50="fast"), "fast"),
        (lambda one: one["latency_ms"].update(p50=float("nan")), "NaN is no number of JSON"),
        (lambda one: one.update(samples_ms=None), "TypeError"),
        (lambda one: one.update(energy=None), "AttributeError"),
        (lambda one: one.update(flags="unsteady"), "flags"),
    ],
)
def test_a_result_with_a_wrong_field_is_damaged(run, change, fragment):
    write_result(run, "g002-c1", damaged(change))
    benchmarks = read_benchmarks(run.path)
    assert benchmarks.measured == ()
    ((file, why),) = benchmarks.damaged
    assert file == "bundles/g002-c1/result.json" and fragment in why


@pytest.mark.parametrize("measurements", [None, 3, {"a": 1}])
def test_measurements_that_are_no_list_are_damage(run, measurements):
    write_result(run, "g002-c1", **{"measurements": measurements})
    assert [file for file, _ in read_benchmarks(run.path).damaged] == ["bundles/g002-c1/result.json"]


def test_a_bundle_without_a_result_is_waiting(run):
    (run.path / "bundles" / "g002-c1").mkdir(parents=True)
    assert read_benchmarks(run.path).waiting == ("g002-c1",)


def test_a_run_without_bundles_has_nothing_measured(run):
    benchmarks = read_benchmarks(run.path)
    assert (benchmarks.measured, benchmarks.damaged, benchmarks.waiting) == ((), (), ())


def test_latencies_of_two_bundles_are_compared_where_both_were_measured_alike(run):
    first = measurement("fp32", 0.5)
    write_result(run, "g000-c0", first, measurement("fp32", 9.0, batch=8))
    own = measurement("fp32", 0.25)
    write_result(run, "g002-c1", own)
    pair = latencies_ms(read_benchmarks(run.path), "g000-c0", "g002-c1")
    assert pair == (first["latency_ms"]["p50"], own["latency_ms"]["p50"])


def test_latencies_of_two_machines_are_not_compared(run):
    write_result(run, "g000-c0", measurement("fp32", 0.5), machine={"cpu": "Another"})
    write_result(run, "g002-c1", measurement("fp32", 0.25))
    assert latencies_ms(read_benchmarks(run.path), "g000-c0", "g002-c1") is None


def test_an_int8_latency_is_not_set_against_an_fp32_one(run):
    write_result(run, "g000-c0", measurement("fp32", 0.5))
    write_result(run, "g002-c1", measurement("int8", 0.125))
    assert latencies_ms(read_benchmarks(run.path), "g000-c0", "g002-c1") is None
