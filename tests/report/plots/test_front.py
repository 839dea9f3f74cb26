import dataclasses

import pytest

from edgesynth.lineage import Individual
from edgesynth.report import read_lineage
from edgesynth.report.plots.front import front_plot, named
from edgesynth.report.plots.trade_off import trade_off
from tests.report.plots.test_plots import texts
from tests.report.test_page import page
from tests.report.world import add


def changed(run, name, **changes):
    """The run with other facts of an individual."""
    one = run.load(name)
    run.save(Individual(dataclasses.replace(one.record, **changes), one.genome, one.weights))


def names(rows):
    return [row.individual for row in rows]


def test_the_front_leaves_out_who_misses_the_floor_and_who_had_a_proxy_s_nurture_only(run):
    # g002-c0 is the smallest of all and misses the floor; g002-c1 and g001-c0 are beaten by none.
    assert names(read_lineage(run).fronts["synapses"]) == ["g002-c1", "g001-c0", "g000-c0"]
    changed(run, "g002-c1", nurture={"epochs": 1, "proxy": True})
    assert names(read_lineage(run).fronts["macs"]) == ["g001-c0", "g000-c0"]


def test_the_plot_names_every_member_on_both_axes(run):
    written = texts(front_plot(read_lineage(run)))
    assert all(written.count(name) == 2 for name in ("g000-c0", "g001-c0", "g002-c1"))
    assert "g001-c1" not in written and "g002-c0" not in written
    assert {"synapses (log scale)", "MACs (log scale)", "validation accuracy (%)"} <= set(written)


def test_names_that_would_lie_on_each_other_are_left_out_but_never_the_best_s(run):
    lineage = read_lineage(run)
    row = lineage.tip
    front = [
        dataclasses.replace(row, individual=name, validation_percent=value)
        for name, value in [("a", 90.0), ("b", 94.9), ("c", 95.0), ("d", 95.1), ("e", 99.9), ("f", 100.0)]
    ]
    assert names(named(front, "c")) == ["a", "c", "f"]
    assert names(named(front, "e")) == ["a", "b", "e"]


def test_the_page_says_how_to_export_a_member(run):
    assert f"Any of them can be exported: edgesynth export {run.path}:g002-c1." in page(run).words


def test_a_proxy_is_marked_in_the_plot_and_in_the_table_of_all(run):
    changed(run, "g001-c1", nurture={"epochs": 1, "proxy": True})
    assert "short nurture only" in texts(trade_off(read_lineage(run), "macs"))
    assert page(run).row("g001-c1")[2] == "yes, after a short nurture"


def test_a_proxy_does_not_lead_a_run_that_goes_on(unmeasured_run):
    changed(unmeasured_run, "g002-c1", nurture={"epochs": 1, "proxy": True})
    assert read_lineage(unmeasured_run).tip.individual == "g002-c0"


@pytest.mark.parametrize("cost", ["synapses", "macs"])
def test_a_front_of_the_ancestor_alone_is_drawn(empty_run, lenet, cost):
    add(empty_run, lenet, (0, 0))
    lineage = read_lineage(empty_run)
    assert names(lineage.fronts[cost]) == ["g000-c0"]
    assert texts(front_plot(lineage)).count("g000-c0") == 2
