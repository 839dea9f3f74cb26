"""Problem: the widths and branches to choose from, their worth and their costs.

Plain data: names, integers and arrays, nothing of a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgesynth.errors import UserError

Counts = NDArray[np.int64]
Table = NDArray[np.float64]


@dataclass(frozen=True)
class GroupChoice:
    """The widths that a cluster group may have.

    Attributes:
        widths: (n,) numbers of units, ascending; the last is the present one.
        worth: (n,) worth of that many units together; it never falls.
    """

    widths: Counts
    worth: Table


@dataclass(frozen=True)
class BranchChoice:
    """A branch that may die.

    Attributes:
        worth: worth of the branch itself, without that of the units in it.
        inner: groups that have no units if it is dead.
        within: all branches that it lies in, directly or not: if one of them is dead, so is it.
    """

    worth: float = 0.0
    inner: tuple[str, ...] = ()
    within: tuple[str, ...] = ()


@dataclass(frozen=True)
class Term:
    """A part of an amount that depends on the widths of at most two groups.

    It is zero where one of its branches is dead, or where one of its groups has no unit.

    Attributes:
        table: (widths of `rows`, widths of `columns`) amounts; of size 1 along a dimension that has no group.
        rows: group along the first dimension; empty if there is none.
        columns: group along the second; empty if there is none. If both are the same group, the diagonal counts.
        branches: those that it lies in.
    """

    table: Table
    rows: str = ""
    columns: str = ""
    branches: tuple[str, ...] = ()


@dataclass(frozen=True)
class Amount:
    """An amount of a network that has a limit.

    Attributes:
        limit: most that is allowed, in the unit of the terms.
        terms: the amount is their sum plus the constant.
        constant: the part that no width changes.
    """

    limit: float
    terms: tuple[Term, ...]
    constant: float = 0.0


@dataclass(frozen=True)
class Problem:
    """The choice of widths and branches that are worth the most while every amount is within its limit.

    Attributes:
        groups: {cluster group: its widths}.
        branches: {branch: what it is worth and what vanishes with it}.
        amounts: {budget: the amount of it, and its limit}.
    """

    groups: Mapping[str, GroupChoice]
    branches: Mapping[str, BranchChoice]
    amounts: Mapping[str, Amount]

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            UserError: widths that do not ascend, worth that falls, a name that is unknown or a table of another size.
        """
        for name, group in self.groups.items():
            sizes = len(group.widths), len(group.worth)
            if not sizes[0] or sizes[0] != sizes[1] or group.widths[0] < 1:
                raise UserError(f"{name} has {sizes[0]} widths and {sizes[1]} worths; give one of each, from 1 unit on")
            if (np.diff(group.widths) <= 0).any() or (np.diff(group.worth) < 0).any():
                raise UserError(f"{name}: widths must ascend, and their worth must not fall")
        for name, branch in self.branches.items():
            unknown = [each for each in branch.inner if each not in self.groups]
            unknown += [each for each in branch.within if each not in self.branches]
            if unknown:
                raise UserError(f"{name} names {', '.join(unknown)}, which the problem does not have")
        for name, amount in self.amounts.items():
            for term in amount.terms:
                self._check(name, term)

    def _check(self, amount: str, term: Term) -> None:
        names = [each for each in (term.rows, term.columns) if each]
        unknown = [each for each in names if each not in self.groups]
        unknown += [each for each in term.branches if each not in self.branches]
        if unknown:
            raise UserError(f"a term of {amount} names {', '.join(unknown)}, which the problem does not have")
        expected = tuple(len(self.groups[each].widths) if each else 1 for each in (term.rows, term.columns))
        if term.table.shape != expected:
            where = " and ".join(names) or "no group"
            raise UserError(f"a term of {amount} for {where} has a table of {term.table.shape}; it must be {expected}")

    def innermost(self, branches: frozenset[str]) -> frozenset[str]:
        """Those of some branches that contain no other of them: if these live, all do."""
        outer = {each for name in branches for each in self.branches[name].within}
        return branches - outer

    def branches_of(self, group: str) -> frozenset[str]:
        """The innermost branches that a group lies in."""
        return self.innermost(frozenset(name for name, branch in self.branches.items() if group in branch.inner))
