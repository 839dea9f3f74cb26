import math

import pytest

from edgesynth.errors import UserError
from edgesynth.report import lineage_rows, read_lineage

from .world import FLOOR, add, write_result


def test_the_ancestor_is_one_times_as_efficient_as_itself(run):
    ancestor = lineage_rows(run)[0]
    assert (ancestor.synaptic_efficiency_x, ancestor.cluster_efficiency_x, ancestor.macs_fewer_x) == (1, 1, 1)
    assert (ancestor.synapses, ancestor.clusters, ancestor.macs) == (430_500, 580, 2_293_000)


def test_the_efficiencies_of_the_best_are_the_ancestor_over_its_own(run):
    best = lineage_rows(run)[-1]
    # By hand: conv1 10*25; conv2 25*10*25; fc1 250 rows of half of 25*16; fc2 10*250.
    synapses = 10 * 25 + 25 * 10 * 25 + 250 * 200 + 10 * 250
    macs = 10 * 25 * 24 * 24 + 25 * 10 * 25 * 8 * 8 + 250 * 400 + 10 * 250
    assert (best.synapses, best.clusters, best.macs) == (synapses, 10 + 25 + 250 + 10, macs)
    assert best.synaptic_efficiency_x == pytest.approx(430_500 / synapses)
    assert best.cluster_efficiency_x == pytest.approx(580 / 295)
    assert best.macs_fewer_x == pytest.approx(2_293_000 / macs)


def test_parameters_are_those_of_the_dense_layers_that_removal_leaves(run):
    biases = 10 + 25 + 250 + 10
    assert lineage_rows(run)[-1].params == 10 * 25 + 25 * 10 * 25 + 250 * 400 + 10 * 250 + biases


def test_the_main_line_is_the_chain_of_parents_of_the_best(run):
    assert [row.individual for row in lineage_rows(run)] == ["g000-c0", "g001-c0", "g002-c1"]


def test_the_main_line_follows_the_outcome_and_not_the_newest_generation(run):
    run.save_outcome({**run.outcome(), "best": "g001-c1"})
    assert [row.individual for row in lineage_rows(run)] == ["g000-c0", "g001-c1"]


def test_without_a_best_the_line_ends_at_the_newest_generations_best_by_validation(unmeasured_run):
    lineage = read_lineage(unmeasured_run)
    assert lineage.best is None
    assert [row.individual for row in lineage.line] == ["g000-c0", "g001-c0", "g002-c1"]


def test_a_best_that_is_not_in_the_run_is_no_best(run):
    run.save_outcome({**run.outcome(), "best": "g009-c0"})
    lineage = read_lineage(run)
    assert (lineage.best, lineage.tip.individual) == (None, "g002-c1")


def test_all_rows_tell_who_is_on_the_main_line_and_who_is_feasible(run):
    rows = {row.individual: (row.on_main_line, row.feasible) for row in read_lineage(run).rows}
    assert rows == {
        "g000-c0": (True, True),
        "g001-c0": (True, True),
        "g001-c1": (False, True),
        "g002-c0": (False, False),
        "g002-c1": (True, True),
    }


def test_measured_and_tested_figures_stand_in_their_own_rows(run):
    rows = {row.individual: row for row in read_lineage(run).rows}
    assert (rows["g002-c1"].latency_ms, rows["g002-c1"].breeding_s, rows["g002-c1"].test_percent) == (0.32, 9.5, 97.33)
    assert (rows["g001-c0"].latency_ms, rows["g001-c0"].test_percent) == (0.5, None)
    assert (rows["g001-c1"].latency_ms, rows["g001-c1"].breeding_s) == (None, None)


def test_reason_and_floor_come_from_the_outcome(run):
    run.save_outcome({**run.outcome(), "min_accuracy": 95.5})
    lineage = read_lineage(run)
    assert (lineage.reason, lineage.min_accuracy) == ("g002-c1 has at most 80,000 synapses", 95.5)


def test_while_the_run_goes_on_the_floor_is_the_configured_one_and_there_is_no_reason(unmeasured_run):
    lineage = read_lineage(unmeasured_run)
    assert (lineage.reason, lineage.min_accuracy) == (None, FLOOR)


def test_a_run_with_the_ancestor_alone_is_a_line_of_one(empty_run, lenet):
    add(empty_run, lenet, (0, 0))
    assert [row.individual for row in lineage_rows(empty_run)] == ["g000-c0"]


def test_a_run_with_nothing_finished_says_how_to_go_on(empty_run):
    with pytest.raises(UserError, match=r"no finished individual yet; continue it with edgesynth evolve --resume"):
        lineage_rows(empty_run)


def test_a_run_that_lost_its_ancestor_says_so(empty_run, lenet):
    add(empty_run, lenet, (1, 0))
    with pytest.raises(UserError, match=r"no ancestor \(g000-c0\)"):
        lineage_rows(empty_run)


def test_a_line_whose_parent_is_missing_starts_at_the_gap(empty_run, lenet):
    add(empty_run, lenet, (0, 0))
    best = add(empty_run, lenet, (2, 1))
    rows = lineage_rows(empty_run)
    assert [row.individual for row in rows] == ["g002-c1"]
    assert math.isclose(rows[0].synaptic_efficiency_x, 430_500 / best.census.synapses)


def test_bundles_are_no_individuals(run):
    write_result(run, "g007-c0")
    assert len(read_lineage(run).rows) == 5
