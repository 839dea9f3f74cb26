"""Staircase: widths that cost as much as a wider one are no candidates.

Hardware computes channels in tiles, so that latency rises in steps. Of all widths on a step only the largest is of use.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgesynth.evolution.synthesis.shape.solver.problem import Amount, GroupChoice, Problem, Term
from edgesynth.evolution.synthesis.shape.solver.tables import Tables


def staircase_ends(problem: Problem) -> Problem:
    """The problem without the widths for which a wider one costs no more in any layer, whatever the other groups have.

    The best shape and its worth stay the same. A budget that rises with each unit, such as MACs, keeps every width.
    """
    tables = Tables.of(problem)
    ends = {name: _ends(tables, name) for name in problem.groups}
    groups = {
        name: GroupChoice(group.widths[ends[name]], group.worth[ends[name]]) for name, group in problem.groups.items()
    }
    amounts = {
        name: Amount(amount.limit, tuple(_cut(term, ends) for term in amount.terms), amount.constant)
        for name, amount in problem.amounts.items()
    }
    return Problem(groups, problem.branches, amounts)


def _ends(tables: Tables, group: str) -> list[int]:
    """Places of the widths that stay, ascending."""
    count = len(tables.problem.groups[group].widths)
    costs = [_by_width(tables, group, place) for place in range(count)]
    kept: list[int] = []
    for place in reversed(range(count)):
        if not any((costs[wider] <= costs[place]).all() for wider in kept):
            kept.append(place)
    return kept[::-1]


def _by_width(tables: Tables, group: str, place: int) -> np.ndarray:
    """All costs of a width, for every budget and every width of its neighbors."""
    lines = [
        tables.by_key[key][:, place, :] if key.rows == group else tables.by_key[key][:, :, place]
        for key in tables.touching[group]
    ]
    return np.concatenate([line.ravel() for line in lines]) if lines else np.zeros(0)


def _cut(term: Term, ends: dict[str, list[int]]) -> Term:
    table = term.table
    if term.rows:
        table = table[ends[term.rows]]
    if term.columns:
        table = table[:, ends[term.columns]]
    return replace(term, table=table)
