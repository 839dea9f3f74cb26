import numpy as np
import pytest

from edgesynth.errors import UserError
from edgesynth.evolution.synthesis.shape import (
    Amount,
    BranchChoice,
    GroupChoice,
    Problem,
    Term,
    UnreachableError,
    solve,
    staircase_ends,
)
from edgesynth.evolution.synthesis.shape.solver.descent import descend
from edgesynth.evolution.synthesis.shape.solver.tables import Tables
from tests.evolution.synthesis.shape.random_problems import best_worth, random_problem, total

SHARES = (0.2, 0.35, 0.5, 0.7)
SEEDS = range(40)


def group(*widths, worth=None):
    widths = np.array(widths)
    return GroupChoice(widths, widths.astype(float) if worth is None else np.array(worth, dtype=float))


def one_budget(groups, limit, *terms, branches=None, constant=0.0):
    return Problem(groups, branches or {}, {"latency_ms": Amount(limit, terms, constant)})


@pytest.mark.parametrize("seed", SEEDS)
def test_no_shape_of_all_keeps_more_within_the_limits(seed):
    problem = random_problem(seed, SHARES[seed % len(SHARES)])
    best = best_worth(problem)
    if best is None:
        with pytest.raises(UnreachableError):
            solve(problem, gap=0)
        return
    shape = solve(problem, gap=0)
    assert shape.worth == pytest.approx(best, abs=1e-6)
    assert shape.bound == pytest.approx(best, abs=1e-5)
    dead = frozenset(name for name, alive in shape.lives.items() if not alive)
    places = {
        name: int(np.flatnonzero(own.widths == shape.widths[name])[0])
        for name, own in problem.groups.items()
        if shape.widths[name]
    }
    for name, amount in problem.amounts.items():
        assert shape.amounts[name] == pytest.approx(total(problem, name, places, dead))
        assert shape.amounts[name] <= amount.limit * (1 + 1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_descent_ends_within_the_limits_and_never_above_the_best(seed):
    problem = random_problem(seed, SHARES[seed % len(SHARES)])
    tables, best = Tables.of(problem), best_worth(problem)
    state = descend(tables)
    if state is not None:
        assert tables.meets(tables.amounts(*state))
        assert tables.worth(*state) <= best + 1e-9


def test_the_descent_gives_up_where_only_two_steps_together_save_anything_and_the_program_does_not():
    table = np.array([[1.0, 10.0], [10.0, 10.0]])
    problem = one_budget({"a": group(1, 2), "b": group(1, 2)}, 5, Term(table, "a", "b"))
    assert descend(Tables.of(problem)) is None
    assert solve(problem).widths == {"a": 1, "b": 1}


def test_a_shape_of_another_kind_than_the_descents_is_found_when_there_is_no_time():
    table = np.array([[1.0, 10.0], [10.0, 10.0]])
    groups = {f"{side}{place}": group(1, 2) for place in range(30) for side in "ab"}
    terms = [Term(table, f"a{place}", f"b{place}") for place in range(30)]
    shape = solve(one_budget(groups, 30, *terms), nodes=0)
    assert set(shape.widths.values()) == {1}


@pytest.mark.parametrize("seed", range(8))
def test_without_time_the_shape_is_at_least_the_descents(seed):
    problem = random_problem(seed, 0.5)
    tables = Tables.of(staircase_ends(problem))
    shape = solve(problem, nodes=0)
    assert shape.worth >= tables.worth(*descend(tables)) - 1e-9
    assert all(shape.amounts[name] <= amount.limit * (1 + 1e-9) for name, amount in problem.amounts.items())


def test_a_refusal_names_the_least_of_each_budget_and_the_one_that_is_too_low():
    widths = {"a": group(2, 4)}
    amounts = {
        "macs": Amount(5.0, (Term(np.array([[3.0], [6.0]]), "a"),), constant=4.0),
        "params": Amount(100.0, (Term(np.array([[30.0], [60.0]]), "a"),)),
    }
    with pytest.raises(UnreachableError, match=r"macs cannot fall so far") as refusal:
        solve(Problem(widths, {}, amounts))
    assert refusal.value.least == {"macs": 7.0, "params": 30.0}
    assert isinstance(refusal.value, UserError)
    assert "macs: 7 at least, 5 allowed" in str(refusal.value)


def test_a_refusal_says_that_budgets_can_be_met_alone_but_not_together():
    falling, rising = np.array([[5.0], [1.0]]), np.array([[1.0], [5.0]])
    amounts = {"latency_ms": Amount(2.0, (Term(falling, "a"),)), "macs": Amount(2.0, (Term(rising, "a"),))}
    with pytest.raises(UnreachableError, match="each can be met, but not all together") as refusal:
        solve(Problem({"a": group(1, 2)}, {}, amounts))
    assert refusal.value.least == {"latency_ms": 1.0, "macs": 1.0}


def test_without_limits_everything_stays():
    problem = random_problem(0)
    unlimited = {name: Amount(np.inf, amount.terms, amount.constant) for name, amount in problem.amounts.items()}
    shape = solve(Problem(problem.groups, problem.branches, unlimited))
    assert all(shape.lives.values())
    assert shape.widths == {name: own.widths[-1] for name, own in problem.groups.items()}


def test_a_dead_outer_branch_takes_the_inner_one_and_its_groups_with_it():
    branches = {"outer": BranchChoice(1.0, ("a",)), "inner": BranchChoice(5.0, ("b",), ("outer",))}
    ones = np.ones((1, 1))
    problem = one_budget({"a": group(1), "b": group(1)}, 1.5, Term(2 * ones, branches=("outer",)), branches=branches)
    shape = solve(problem)
    assert shape.lives == {"outer": False, "inner": False}
    assert shape.widths == {"a": 0, "b": 0}
    assert shape.worth == 0


def test_a_layer_of_an_inner_branch_costs_nothing_where_that_alone_is_dead():
    branches = {"outer": BranchChoice(1.0), "inner": BranchChoice(1.0, within=("outer",))}
    ones = np.ones((1, 1))
    terms = Term(ones, branches=("outer",)), Term(ones, branches=("outer", "inner"))
    shape = solve(one_budget({}, 1.0, *terms, branches=branches))
    assert shape.lives == {"outer": True, "inner": False}
    assert shape.amounts == {"latency_ms": 1.0}


def test_of_the_widths_on_a_step_the_widest_is_the_only_candidate():
    times = np.array([[1.0], [1.0], [1.0], [2.0], [2.0]])
    problem = one_budget({"a": group(2, 4, 8, 12, 16)}, 1.5, Term(times, "a"))
    ends = staircase_ends(problem)
    assert ends.groups["a"].widths.tolist() == [8, 16]
    assert ends.amounts["latency_ms"].terms[0].table.ravel().tolist() == [1.0, 2.0]
    assert solve(problem).widths == {"a": 8}


def test_a_width_that_another_budget_pays_for_stays_a_candidate():
    steps, rising = np.array([[1.0], [1.0]]), np.array([[1.0], [2.0]])
    amounts = {"latency_ms": Amount(9.0, (Term(steps, "a"),)), "macs": Amount(9.0, (Term(rising, "a"),))}
    assert staircase_ends(Problem({"a": group(4, 8)}, {}, amounts)).groups["a"].widths.tolist() == [4, 8]


def test_a_width_that_one_neighbor_makes_cheaper_stays_a_candidate():
    table = np.array([[1.0, 1.0], [1.0, 2.0]])
    ends = staircase_ends(one_budget({"a": group(4, 8), "b": group(4, 8)}, 9.0, Term(table, "a", "b")))
    assert ends.groups["a"].widths.tolist() == [4, 8]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_best_shape_is_worth_the_same_on_the_ends_of_the_staircase(seed):
    problem = random_problem(seed, 0.5)
    ends = staircase_ends(problem)
    assert best_worth(ends) == best_worth(problem)


def test_some_random_problems_have_steps():
    sizes = [
        [sum(len(own.widths) for own in each.groups.values()) for each in (problem, staircase_ends(problem))]
        for problem in map(random_problem, SEEDS)
    ]
    assert sum(after < before for before, after in sizes) >= 5


def test_a_table_of_another_size_is_refused():
    with pytest.raises(UserError, match=r"latency_ms for a has a table of \(3, 1\); it must be \(2, 1\)"):
        one_budget({"a": group(1, 2)}, 1.0, Term(np.ones((3, 1)), "a"))


def test_worth_that_falls_is_refused():
    with pytest.raises(UserError, match="a: widths must ascend, and their worth must not fall"):
        one_budget({"a": group(1, 2, worth=(2, 1))}, 1.0)


def test_a_branch_of_an_unknown_group_is_refused():
    with pytest.raises(UserError, match="outer names b, which the problem does not have"):
        one_budget({"a": group(1)}, 1.0, branches={"outer": BranchChoice(inner=("b",))})
