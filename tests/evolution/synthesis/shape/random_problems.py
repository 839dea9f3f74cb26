"""Small problems at random, and the best of all their shapes."""

import itertools

import numpy as np

from edgesynth.evolution.synthesis.shape.solver.problem import Amount, BranchChoice, GroupChoice, Problem, Term

# {branch: what lies in it}; c lies in the inner branch, b in the outer one alone.
BRANCHES = {"outer": ("b", "c"), "inner": ("c",), "other": ("d",)}
WITHIN = {"inner": ("outer",)}


def random_problem(seed, share=0.5):
    """Groups a to d, of which a is in no branch; layers of one group, of two and of none, and two budgets."""
    rng = np.random.default_rng(seed)
    groups = {name: random_group(rng) for name in "abcd"}
    levels = {name: rng.integers(0, 2, len(group.widths)).cumsum() + 1.0 for name, group in groups.items()}
    levels[""] = np.ones(1)
    branches = {
        name: BranchChoice(float(rng.random()), inner, WITHIN.get(name, ())) for name, inner in BRANCHES.items()
    }
    places = [
        ("a", "b", ("outer",)),
        ("b", "c", ("outer", "inner")),
        ("c", "a", ("inner",)),
        ("a", "d", ("other",)),
        ("d", "a", ("other",)),
        ("a", "", ()),
        ("", "a", ("inner", "outer")),
        ("", "d", ()),
        ("a", "", ("other", "inner")),  # in two branches of which neither lies in the other
        ("a", "a", ()),
        ("", "", ("outer",)),
        ("d", "c", ()),  # there only where both groups have units
    ]
    amounts = {}
    for name in ("latency_ms", "macs"):
        terms = tuple(random_term(rng, levels, seed % 2, *place) for place in places)
        whole = Amount(np.inf, terms, constant=1.0)
        most = total(Problem(groups, branches, {name: whole}), name, {g: len(c.widths) - 1 for g, c in groups.items()})
        amounts[name] = Amount(share * most, terms, constant=1.0)
    return Problem(groups, branches, amounts)


def random_group(rng):
    widths = np.sort(rng.choice(np.arange(1, 20), size=rng.integers(1, 4), replace=False))
    return GroupChoice(widths, np.cumsum(rng.random(len(widths))))


def random_term(rng, levels, uneven, rows, columns, branches):
    """A table that rises in the steps of both groups; an uneven one rises and falls by a little besides."""
    table = np.outer(levels[rows], levels[columns]) * rng.random() + rng.random()
    return Term(table + uneven * rng.random(table.shape), rows, columns, branches)


def total(problem, amount, places, dead=frozenset()):
    """An amount by the definition of `Term`, from nothing but the problem."""
    gone = {group for name in dead for group in problem.branches[name].inner}
    value = problem.amounts[amount].constant
    for term in problem.amounts[amount].terms:
        if not {*term.branches} & dead and not {term.rows, term.columns} & gone:
            value += term.table[places.get(term.rows, 0), places.get(term.columns, 0)]
    return value


def all_shapes(problem):
    """(worth, {budget: amount}) of every shape."""
    names = list(problem.branches)
    for lives in itertools.product((True, False), repeat=len(names)):
        dead = {name for name, alive in zip(names, lives, strict=True) if not alive}
        dead |= {name for name in names if dead & {*problem.branches[name].within}}
        gone = {group for name in dead for group in problem.branches[name].inner}
        choices = [range(1 if name in gone else len(own.widths)) for name, own in problem.groups.items()]
        for chosen in itertools.product(*choices):
            places = dict(zip(problem.groups, chosen, strict=True))
            worth = sum(own.worth[places[name]] for name, own in problem.groups.items() if name not in gone)
            worth += sum(own.worth for name, own in problem.branches.items() if name not in dead)
            yield worth, {amount: total(problem, amount, places, frozenset(dead)) for amount in problem.amounts}


def best_worth(problem):
    """The most worth within all limits; None if no shape is."""
    limits = {name: amount.limit for name, amount in problem.amounts.items()}
    within = [worth for worth, amounts in all_shapes(problem) if all(amounts[name] <= limits[name] for name in limits)]
    return max(within, default=None)
