import itertools
import math
import random

import pytest

from edgesynth.anatomy.census import Census, LayerCensus
from edgesynth.evolution.budgets import Budgets
from edgesynth.evolution.selection import ParetoSelection, ValidationSelection
from edgesynth.evolution.selection.crowding import crowding_distances
from edgesynth.evolution.selection.domination import Standing, dominates, standing, violation
from edgesynth.evolution.selection.sorting import sorted_fronts
from edgesynth.lineage import Config, Record

FLOOR = 90.0


def record(child, validation, synapses=100, clusters=10, **changes):
    census = Census((LayerCensus("fc", (1, 1), synapses, clusters, 2 * synapses, synapses),), 0, 0)
    return Record(1, child, ("g000-c0",), validation, validation >= FLOOR, census, **changes)


def names(records):
    return [each.name for each in records]


def test_of_two_feasible_ones_the_nowhere_worse_and_somewhere_better_dominates():
    assert dominates(Standing(0, (1, 2)), Standing(0, (1, 3)))
    assert not dominates(Standing(0, (1, 2)), Standing(0, (1, 2)))
    assert not dominates(Standing(0, (1, 4)), Standing(0, (2, 3))) and not dominates(
        Standing(0, (2, 3)), Standing(0, (1, 4))
    )


def test_a_violation_never_beats_a_feasible_one_and_the_smaller_violation_wins():
    feasible, near, far = Standing(0, (9, 9)), Standing(0.1, (0, 0)), Standing(2.0, (-5, -5))
    assert dominates(feasible, near) and dominates(near, far)
    assert not dominates(near, feasible) and not dominates(far, near)


@pytest.mark.parametrize(
    ("scored", "expected"),
    [
        (record(0, 95.0), 0.0),
        (record(0, 88.5), 1.5),
        (record(0, 88.5, nurture={"died": "loss was nan"}), math.inf),
        (record(0, math.nan), math.inf),
    ],
)
def test_the_violation_is_what_is_missing_to_the_floor_and_infinite_for_the_dead(scored, expected):
    assert violation(scored, FLOOR) == expected


def test_what_is_compared_is_validation_and_each_budgeted_total_or_synapses_and_clusters():
    first = record(0, 95.0, synapses=100, clusters=10)
    assert standing(first, Budgets(Config()), FLOOR).costs == (-95.0, 100, 10)
    assert standing(first, Budgets(Config(max_macs=5)), FLOOR).costs == (-95.0, 200)
    assert standing(first, Budgets(Config(max_macs=5, max_synapses=5)), FLOOR).costs == (-95.0, 100, 200)


def test_fronts_are_peeled_off_by_hand():
    points = [(1, 5), (2, 2), (5, 1), (2, 5), (3, 3), (6, 6)]
    assert sorted_fronts([Standing(0, point) for point in points]) == [[0, 1, 2], [3, 4], [5]]


def test_infeasible_ones_form_fronts_of_their_own_after_the_feasible():
    standings = [Standing(3.0, (0, 0)), Standing(0, (9, 9)), Standing(1.0, (8, 8)), Standing(0, (9, 8))]
    assert sorted_fronts(standings) == [[3], [1], [2], [0]]


def test_nobody_of_a_front_dominates_another_and_everybody_later_is_dominated_by_somebody_before():
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    source = random.Random(seed)
    standings = [
        Standing(source.choice([0, 0, 1, 2]), (source.randrange(6), source.randrange(6), source.randrange(6)))
        for _ in range(40)
    ]
    fronts = sorted_fronts(standings)
    assert sorted(itertools.chain(*fronts)) == list(range(40))
    for front in fronts:
        assert not any(dominates(standings[a], standings[b]) for a in front for b in front)
    for before, after in itertools.pairwise(fronts):
        assert all(any(dominates(standings[a], standings[b]) for a in before) for b in after)


def test_crowding_is_the_gap_between_neighbors_as_a_share_of_the_range():
    assert crowding_distances([(0, 10), (1, 6), (4, 0)]) == [math.inf, 4 / 4 + 10 / 10, math.inf]
    assert crowding_distances([(0, 10), (1, 9), (2, 5), (4, 0)])[1:3] == [2 / 4 + 5 / 10, 3 / 4 + 9 / 10]


def test_a_cost_in_which_all_are_equal_tells_nobody_apart():
    assert crowding_distances([(7, 0), (7, 1), (7, 4)]) == [math.inf, 1.0, math.inf]
    assert crowding_distances([(7,), (7,)]) == [0.0, 0.0]


def test_by_validation_the_most_accurate_comes_first_and_of_equals_the_smaller_then_the_elder():
    records = [record(0, 95.0, 100), record(1, 96.0, 200), record(2, 96.0, 150), record(3, 96.0, 150)]
    ranked = ValidationSelection(Budgets(Config()), FLOOR).rank(records)
    assert names(ranked) == ["g001-c2", "g001-c3", "g001-c1", "g001-c0"]


def test_by_either_selection_the_infeasible_follow_by_violation_and_the_dead_are_last():
    dead = record(0, 99.0, nurture={"died": True})
    dead = Record(**{**vars(dead), "feasible": False})
    records = [dead, record(1, 60.0, 1), record(2, 89.0, 300), record(3, 90.0, 400), record(4, math.nan)]
    for selection in (ValidationSelection, ParetoSelection):
        ranked = names(selection(Budgets(Config()), FLOOR).rank(records))
        assert ranked[:3] == ["g001-c3", "g001-c2", "g001-c1"]


@pytest.mark.parametrize("selection", [ValidationSelection, ParetoSelection])
def test_who_is_over_a_budget_comes_after_all_that_meet_it_and_feasible_ones_before_both(selection):
    records = [record(0, 97.0, 800), record(1, 95.0, 400), record(2, 94.0, 500), record(3, 80.0, 10)]
    ranked = names(selection(Budgets(Config(max_synapses=500)), FLOOR).rank(records))
    assert ranked == ["g001-c1", "g001-c2", "g001-c0", "g001-c3"]
    nobody = selection(Budgets(Config(max_synapses=5)), FLOOR).rank(records)
    assert names(nobody)[0] == "g001-c0"


def test_by_fronts_the_ends_of_the_first_come_before_its_middle_and_the_dominated_last():
    records = [
        record(0, 96.0, 150, 14),  # the middle of the front
        record(1, 98.0, 300, 30),  # its most accurate
        record(2, 95.9, 160, 15),  # dominated by child 0, though more accurate than child 3
        record(3, 92.0, 50, 5),  # its smallest
    ]
    budgets = Budgets(Config())
    assert names(ParetoSelection(budgets, FLOOR).rank(records)) == ["g001-c1", "g001-c3", "g001-c0", "g001-c2"]
    assert names(ValidationSelection(budgets, FLOOR).rank(records))[-1] == "g001-c3"
