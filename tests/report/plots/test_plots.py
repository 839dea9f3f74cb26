import dataclasses
import re

import pytest

from edgesynth.report import read_lineage
from edgesynth.report.benchmarks import read_benchmarks
from edgesynth.report.plots.histogram import histogram, shared_range_ms
from edgesynth.report.plots.survival import MOST_COLUMNS, columns, shares_percent, survival
from edgesynth.report.plots.trade_off import below_range, shown_range, ticks, trade_off
from tests.report.world import measurement, write_result


def texts(svg):
    return re.findall(r"<text [^>]*>([^<]*)</text>", svg)


def long_lineage(lineage, length):
    """The lineage with its tip repeated: a main line of `length` individuals."""
    line = tuple(dataclasses.replace(lineage.tip, individual=f"g{place:03d}-c0") for place in range(length))
    records = {row.individual: lineage.records[lineage.tip.individual] for row in line}
    return dataclasses.replace(lineage, line=line, records={**lineage.records, **records})


def test_shares_are_counted_layer_by_layer_against_the_ancestor(run):
    lineage = read_lineage(run)
    assert shares_percent(lineage, "clusters") == {
        "conv1": [100, 70, 50],
        "conv2": [100, 70, 50],
        "fc1": [100, 70, 50],
        "fc2": [100, 100, 100],
    }
    assert shares_percent(lineage, "synapses")["conv2"] == pytest.approx([100, 49, 25])
    # 350 rows of half of 35*16 inputs; 250 rows of half of 25*16.
    assert shares_percent(lineage, "synapses")["fc1"] == pytest.approx(
        [100, 100 * 350 * 280 / 400_000, 100 * 250 * 200 / 400_000]
    )


def test_the_heat_map_writes_every_share_into_its_cell(run):
    written = texts(survival(read_lineage(run), "synapses"))
    assert written.count("100") == 4
    assert {"49.0", "25.0", "24.5", "12.5", "70.0", "50.0"} <= set(written)
    assert {"conv1", "conv2", "fc1", "fc2", "g000-c0", "g001-c0", "g002-c1"} <= set(written)


def test_a_layer_that_an_individual_lacks_is_a_dash_and_not_zero(run):
    lineage = read_lineage(run)
    record = lineage.records["g001-c0"]
    census = dataclasses.replace(record.census, layers=record.census.layers[1:])
    records = {**lineage.records, "g001-c0": dataclasses.replace(record, census=census)}
    lineage = dataclasses.replace(lineage, records=records)
    assert shares_percent(lineage, "clusters")["conv1"] == [100, None, 50]
    assert "–" in texts(survival(lineage, "clusters"))


def test_a_long_line_is_thinned_out_evenly_with_both_ends(run):
    names = columns(long_lineage(read_lineage(run), 61))
    assert len(names) == MOST_COLUMNS
    assert names == [f"g{place:03d}-c0" for place in range(0, 61, 4)]


def test_a_line_that_fits_is_shown_in_full(run):
    assert len(columns(long_lineage(read_lineage(run), MOST_COLUMNS))) == MOST_COLUMNS


def test_hopeless_offspring_do_not_stretch_the_accuracy_axis(run):
    lineage = read_lineage(run)
    low, high = shown_range(lineage)
    assert 96 < low < 97.67 and 98.67 < high < 99.5
    assert [row.individual for row in below_range(lineage)] == ["g002-c0"]


def test_an_offspring_a_little_below_the_floor_is_shown(run):
    lineage = read_lineage(run)
    rows = tuple(
        dataclasses.replace(row, validation_percent=97.0) if row.individual == "g002-c0" else row
        for row in lineage.rows
    )
    assert below_range(dataclasses.replace(lineage, rows=rows)) == []


def test_the_trade_off_names_the_ends_of_the_line_the_floor_and_the_axes(run):
    written = texts(trade_off(read_lineage(run), "macs"))
    assert {"g0", "g2", "MACs (log scale)", "validation accuracy (%)", "accuracy floor, 97.67 %"} <= set(written)
    assert {"main line", "Pareto front", "sibling", "far below this range"} <= set(written)


def test_without_a_floor_none_is_drawn(run):
    lineage = dataclasses.replace(read_lineage(run), min_accuracy=None)
    assert not any("floor" in text for text in texts(trade_off(lineage, "macs")))


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [
        (5, 2e6, [10, 100, 1e3, 1e4, 1e5, 1e6]),
        (900, 40e3, [1e3, 3e3, 1e4, 3e4]),
        (40e3, 600e3, [50e3, 100e3, 200e3, 500e3]),
        (270e3, 690e3, [300e3, 400e3, 500e3]),
    ],
)
def test_ticks_are_round_numbers_within_the_axis(least, most, expected):
    assert ticks(least, most) == pytest.approx(expected)


def test_an_axis_of_many_decades_has_few_ticks():
    assert ticks(1, 1e12) == pytest.approx([1, 100, 1e4, 1e6, 1e8, 1e10, 1e12])


def test_the_histogram_counts_every_sample_that_it_draws_and_names_the_others(run):
    one = measurement("fp32", 0.25)
    write_result(run, "g002-c1", one)
    (bundle,) = read_benchmarks(run.path).measured
    written = texts(histogram(bundle.measurements[0], "g002-c1", "h"))
    assert "latency (ms); not drawn: 1 slower, up to 1.500 ms" in " ".join(written).replace("\n", " ")
    latency = one["latency_ms"]
    assert {f"{name} {latency[name]:.3f} ms" for name in ("p50", "p90", "p99")} <= set(written)


def test_precisions_share_an_axis_only_where_both_can_be_seen_on_it(run):
    write_result(run, "near", measurement("fp32", 0.25), measurement("int8", 0.125))
    write_result(run, "wide", measurement("fp32", 25), measurement("int8", 0.125))
    near, wide = read_benchmarks(run.path).measured
    low, high = shared_range_ms(near)
    assert 0.1 < low < 0.125 and 0.25 < high < 0.5
    assert shared_range_ms(wide) is None


def test_a_name_with_a_dollar_sign_is_no_formula(run):
    write_result(run, "odd", measurement("fp32", 0.25), individual="$\\frac{$ & <b>")
    (bundle,) = read_benchmarks(run.path).measured
    svg = histogram(bundle.measurements[0], bundle.individual, "h")
    assert "$\\frac{$ &amp; &lt;b&gt;, fp32, batch 1" in svg and "<b>" not in svg
