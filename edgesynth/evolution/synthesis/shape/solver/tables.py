"""Tables: the amounts of a problem with all terms of the same groups and branches added up.

A shape is written as places here: {group: place of its width among the candidates} and the set of dead branches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from edgesynth.evolution.synthesis.shape.solver.problem import Problem, Table, Term

Places = Mapping[str, int]
SLACK = 1e-9  # share of a limit by which rounding of sums may exceed it


@dataclass(frozen=True, order=True)
class Key:
    """What a table depends on.

    Attributes:
        rows: group along its first dimension; empty if there is none.
        columns: group along its second; empty if there is none, and after `rows` in the alphabet.
        branches: innermost branches that must all live, sorted: its own, and those that its groups lie in.
    """

    rows: str
    columns: str
    branches: tuple[str, ...]


@dataclass(frozen=True)
class Tables:
    """A problem's amounts.

    Attributes:
        problem: the problem.
        names: its budgets, in the order of all arrays.
        limits: (budgets,) most that is allowed.
        constants: (budgets,) amounts that no choice changes.
        by_key: {key: (budgets, rows, columns) amounts}.
        touching: {group or branch: keys whose amounts it changes}.
        presence: {group: innermost branches, all of which must live for it to have units}.
    """

    problem: Problem
    names: tuple[str, ...]
    limits: Table
    constants: Table
    by_key: Mapping[Key, Table]
    touching: Mapping[str, tuple[Key, ...]]
    presence: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, problem: Problem) -> Tables:
        """Add up a problem's terms."""
        names = tuple(problem.amounts)
        presence = {group: problem.branches_of(group) for group in problem.groups}
        by_key: dict[Key, Table] = {}
        for place, amount in enumerate(problem.amounts.values()):
            for term in amount.terms:
                key, table = _canonical(problem, presence, term)
                by_key.setdefault(key, np.zeros((len(names), *table.shape)))[place] += table
        touching: dict[str, dict[Key, None]] = {name: {} for name in (*problem.groups, *problem.branches)}
        for key in by_key:
            for name in (key.rows, key.columns, *_all_branches(problem, key.branches)):
                if name:
                    touching[name][key] = None
        return cls(
            problem,
            names,
            np.array([amount.limit for amount in problem.amounts.values()], dtype=float),
            np.array([amount.constant for amount in problem.amounts.values()], dtype=float),
            by_key,
            {name: tuple(keys) for name, keys in touching.items()},
            presence,
        )

    def amounts(self, places: Places, dead: frozenset[str]) -> Table:
        """(budgets,) amounts of a shape, exactly."""
        total = self.constants.copy()
        for key, table in self.by_key.items():
            if dead.isdisjoint(key.branches):
                total += table[:, places.get(key.rows, 0), places.get(key.columns, 0)]
        return total

    def amounts_by_width(self, group: str, places: Places, dead: frozenset[str]) -> Table:
        """(budgets, widths) the part of a shape's amounts that depends on a group, at each width of that group."""
        total = np.zeros((len(self.names), len(self.problem.groups[group].widths)))
        for key in self.touching[group]:
            if dead.isdisjoint(key.branches):
                table = self.by_key[key]
                if key.rows == group:
                    total += table[:, :, places.get(key.columns, 0)]
                else:
                    total += table[:, places.get(key.rows, 0), :]
        return total

    def amounts_in(self, branch: str, places: Places, dead: frozenset[str]) -> Table:
        """(budgets,) amounts that a shape loses if a branch dies."""
        total = np.zeros(len(self.names))
        for key in self.touching[branch]:
            if dead.isdisjoint(key.branches):
                total += self.by_key[key][:, places.get(key.rows, 0), places.get(key.columns, 0)]
        return total

    def worth(self, places: Places, dead: frozenset[str]) -> float:
        """Worth of a shape."""
        groups = sum(
            float(group.worth[places[name]])
            for name, group in self.problem.groups.items()
            if dead.isdisjoint(self.presence[name])
        )
        return groups + sum(branch.worth for name, branch in self.problem.branches.items() if name not in dead)

    def meets(self, amounts: Table) -> bool:
        """Whether amounts (budgets,) are all within their limits."""
        return bool((amounts <= self.limits + SLACK * np.abs(self.limits)).all())

    def dying_with(self, branch: str) -> frozenset[str]:
        """A branch and those that lie in it."""
        return frozenset(name for name, own in self.problem.branches.items() if name == branch or branch in own.within)


def _canonical(problem: Problem, presence: Mapping[str, frozenset[str]], term: Term) -> tuple[Key, Table]:
    """The key of a term, and its table in the orientation of the key."""
    rows, columns, table = term.rows, term.columns, np.asarray(term.table, dtype=float)
    if rows and rows == columns:
        columns, table = "", np.diag(table)[:, None]
    if columns and (not rows or columns < rows):
        rows, columns, table = columns, rows, table.T
    branches = frozenset(term.branches).union(*(presence[group] for group in (rows, columns) if group))
    return Key(rows, columns, tuple(sorted(problem.innermost(branches)))), table


def _all_branches(problem: Problem, innermost: tuple[str, ...]) -> frozenset[str]:
    return frozenset(innermost).union(*(problem.branches[name].within for name in innermost))
