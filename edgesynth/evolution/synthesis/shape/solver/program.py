"""Program: a problem as a mixed-integer linear program (as MDP chooses widths and blocks, arXiv 2406.12079).

One binary variable for each width of each group and one for each branch. A table of two groups is made linear by a
variable for each pair of widths, which is 1 where both are chosen: the pairs of one width add up to that width's own
variable. These variables need not be declared integer: they are integer if the others are.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp
from scipy.sparse import csr_array

from edgesynth.evolution.synthesis.shape.solver.descent import State
from edgesynth.evolution.synthesis.shape.solver.problem import Table
from edgesynth.evolution.synthesis.shape.solver.tables import Key, Tables

Variables = np.ndarray
Row = tuple[Sequence[int], Sequence[float], float, float]


@dataclass
class Program:
    """Variables and constraints.

    Attributes:
        tables: of the problem.
        integer: for each variable whether it is declared integer.
        rows: (variables, coefficients, least, most) of each constraint.
        widths: {group: its variables}.
        lives: {branch: its variable}.
        both: {several branches: the variable that is 1 where all of them live}.
        lines: for each budget, (variable, coefficient) pairs; its amount is their sum plus the constant.
    """

    tables: Tables
    integer: list[bool] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    widths: dict[str, Variables] = field(default_factory=dict)
    lives: dict[str, int] = field(default_factory=dict)
    both: dict[tuple[str, ...], int] = field(default_factory=dict)
    lines: list[list[tuple[int, float]]] = field(default_factory=list)
    _always: list[Table] = field(default_factory=list)

    @classmethod
    def of(cls, tables: Tables) -> Program:
        """The program of a problem."""
        program = cls(tables, lines=[[] for _ in tables.names])
        for name in tables.problem.branches:
            (program.lives[name],) = program._new(1, integer=True)
        for name, branch in tables.problem.branches.items():
            for outer in branch.within:
                program.rows.append(([program.lives[name], program.lives[outer]], [1, -1], -np.inf, 0))
        for name, group in tables.problem.groups.items():
            program.widths[name] = program._new(len(group.widths), integer=True)
            program._sum_to(program.widths[name], tuple(sorted(tables.presence[name])))
        program._write_amounts()
        return program

    def solve(self, limits: Table | None, objective: Variables, nodes: int | None, gap: float) -> OptimizeResult:
        """Minimize an objective with HiGHS.

        Args:
            limits: (budgets,) most that is allowed; None for no limits.
            objective: (variables,).
            nodes: limit of nodes of its search tree, after which it returns the best so far; None for no limit.
            gap: relative gap between the best shape and the bound, at which it stops.
        """
        rows = [*self.rows, *(self._limited(limits) if limits is not None else ())]
        places = np.repeat(np.arange(len(rows)), [len(row[0]) for row in rows])
        columns = np.fromiter(itertools.chain.from_iterable(row[0] for row in rows), dtype=np.int64)
        values = np.fromiter(itertools.chain.from_iterable(row[1] for row in rows), dtype=float)
        matrix = csr_array((values, (places, columns)), shape=(len(rows), len(self.integer)))
        least, most = np.array([row[2] for row in rows]), np.array([row[3] for row in rows])
        return milp(
            objective,
            integrality=np.array(self.integer, dtype=int),
            bounds=Bounds(0, 1),
            constraints=LinearConstraint(matrix, least, most) if rows else (),
            options={"mip_rel_gap": gap, **({} if nodes is None else {"node_limit": nodes})},
        )

    def worth(self) -> Variables:
        """(variables,) worth of each."""
        worth = np.zeros(len(self.integer))
        for name, variables in self.widths.items():
            worth[variables] = self.tables.problem.groups[name].worth
        for name, variable in self.lives.items():
            worth[variable] = self.tables.problem.branches[name].worth
        return worth

    def amount(self, place: int) -> Variables:
        """(variables,) amount of a budget that each adds, without the constant."""
        amount = np.zeros(len(self.integer))
        for variable, value in self.lines[place]:
            amount[variable] += value
        return amount

    def fixed(self) -> Table:
        """(budgets,) amounts that no variable changes."""
        return self.tables.constants + sum(self._always, np.zeros(len(self.tables.names)))

    def state(self, values: Variables) -> State:
        """The shape that values (variables,) stand for; groups without a width get their widest."""
        dead = frozenset(name for name, variable in self.lives.items() if values[variable] < 0.5)
        places = {name: int(np.argmax(values[own][::-1] > 0.5)) for name, own in self.widths.items()}
        return {name: len(self.widths[name]) - 1 - back for name, back in places.items()}, dead

    def _new(self, count: int, integer: bool = False) -> Variables:
        start = len(self.integer)
        self.integer += [integer] * count
        return np.arange(start, start + count)

    def _presence(self, branches: tuple[str, ...]) -> int | None:
        """The variable that is 1 where all of these branches live; None where there are none."""
        if len(branches) < 2:
            return self.lives[branches[0]] if branches else None
        if branches not in self.both:
            (variable,) = self._new(1)
            own = [self.lives[name] for name in branches]
            self.rows += [([variable, each], [1, -1], -np.inf, 0) for each in own]
            self.rows.append(([*own, variable], [*[1] * len(own), -1], -np.inf, len(own) - 1))
            self.both[branches] = variable
        return self.both[branches]

    def _sum_to(self, variables: Variables, branches: tuple[str, ...]) -> None:
        """Constrain variables to add up to 1 where all of these branches live, else to 0."""
        presence = self._presence(branches)
        if presence is None:
            self.rows.append((variables.tolist(), [1.0] * len(variables), 1, 1))
        else:
            self.rows.append(([*variables.tolist(), presence], [*[1.0] * len(variables), -1], 0, 0))

    def _write_amounts(self) -> None:
        """Write tables of two groups first: a table of only one of the two can then use their pairs."""
        known: dict[tuple[str, tuple[str, ...]], Variables] = {}
        for key, table in sorted(self.tables.by_key.items(), key=lambda item: not item[0].columns):
            if not key.rows:
                self._add_presence(key, table)
            elif key.columns:
                pairs = self._pairs(key)
                self._add(pairs, table)
                known.setdefault((key.rows, key.branches), pairs)
                known.setdefault((key.columns, key.branches), pairs.T)
            elif tuple(sorted(self.tables.presence[key.rows])) == key.branches:
                self._add(self.widths[key.rows][:, None], table)
            else:
                shared = known.get((key.rows, key.branches))
                pairs = self._pairs(key) if shared is None else shared
                self._add(pairs, np.broadcast_to(table, (len(table), *pairs.shape)))

    def _pairs(self, key: Key) -> Variables:
        """(rows, columns) variables that are 1 for the chosen widths, if all branches of the key live."""
        groups = [name for name in (key.rows, key.columns) if name]
        sizes = [len(self.widths[name]) for name in groups]
        pairs = self._new(int(np.prod(sizes))).reshape(sizes[0], -1)
        for name, lines in zip(groups, (pairs, pairs.T), strict=False):
            always = tuple(sorted(self.tables.presence[name])) == key.branches
            for width, line in zip(self.widths[name].tolist(), lines, strict=True):
                self.rows.append(([*line.tolist(), width], [*[1.0] * len(line), -1], 0 if always else -np.inf, 0))
        self._sum_to(pairs.ravel(), key.branches)
        return pairs

    def _add(self, variables: Variables, table: Table) -> None:
        for line, values in zip(self.lines, table, strict=True):
            line += [pair for pair in zip(variables.ravel().tolist(), values.ravel().tolist(), strict=True) if pair[1]]

    def _add_presence(self, key: Key, table: Table) -> None:
        presence = self._presence(key.branches)
        if presence is None:
            self._always.append(table[:, 0, 0])
        else:
            self._add(np.array([[presence]]), table)

    def _limited(self, limits: Table) -> list[Row]:
        """A constraint for each finite limit, as a share of it."""
        limited: list[Row] = []
        for place, (limit, fixed) in enumerate(zip(limits, self.fixed(), strict=True)):
            if limit == np.inf:
                continue
            amount = self.amount(place)
            used = np.flatnonzero(amount)
            scale = abs(limit) or 1.0
            limited.append((used.tolist(), (amount[used] / scale).tolist(), -np.inf, float(limit - fixed) / scale))
        return limited
