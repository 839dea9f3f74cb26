"""Lengths: how many indices of each dimension of each parameter are left, for every width of the groups along it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgesynth.anatomy import Anatomy
from edgesynth.evolution.synthesis.shape.solver.problem import Counts


@dataclass(frozen=True)
class Length:
    """Number of indices that are left of a dimension: a constant, and a part for each group.

    Attributes:
        fixed: number of those that no group cuts.
        groups: {group: (widths,) number of its indices at each of its candidate widths}.
    """

    fixed: int
    groups: Mapping[str, Counts]

    def at_most(self) -> int:
        """The present length."""
        return self.fixed + sum(int(counts[-1]) for counts in self.groups.values())


class Lengths:
    """The lengths of a network's dimensions.

    Args:
        anatomy: of the ancestor.
        orders: {group: its living units, the one that stays longest first}.
        widths: {group: (n,) candidate widths}. Removable groups that are not named have no units left.
        branches: {group: branches that it lies in}.
    """

    def __init__(
        self,
        anatomy: Anatomy,
        orders: Mapping[str, Sequence[int]],
        widths: Mapping[str, Counts],
        branches: Mapping[str, frozenset[str]],
    ) -> None:
        self.anatomy = anatomy
        self.orders = orders
        self.widths = widths
        self.branches = branches
        self.removable = {group.name for group in anatomy.removable}
        self._along: dict[tuple[str, int], dict[str, np.ndarray]] = {}
        for group in anatomy.removable:
            for member in group.members:
                self._along.setdefault((member.parameter, member.dim), {})[group.name] = member.units

    def of_dimension(self, parameter: str, dim: int) -> Length:
        """Length of a dimension of a parameter, which may have any of its names."""
        first = self.anatomy.aliases.get(parameter, parameter)
        return self._length(self.anatomy.shapes[first][dim], self._along.get((first, dim), {}).items())

    def of_parameter(self, parameter: str) -> list[Length]:
        """Lengths of all dimensions of a parameter."""
        return [self.of_dimension(parameter, dim) for dim in range(len(self.anatomy.shapes[parameter]))]

    def of_cells(self, cells: int, units: Mapping[str, np.ndarray]) -> Length:
        """Length of the cells of a product, given the unit that each group has in each cell."""
        return self._length(cells, ((name, own) for name, own in units.items() if name in self.removable))

    def may_vanish(self, group: str, branches: Iterable[str]) -> bool:
        """Whether a group may be left without a unit while all of these branches live."""
        return not self.branches[group] <= {*branches}

    def _length(self, size: int, along: Iterable[tuple[str, np.ndarray]]) -> Length:
        groups: dict[str, Counts] = {}
        for name, units in along:
            own = units[units >= 0]
            size -= len(own)
            if name in self.orders:
                each = np.bincount(own, minlength=self.anatomy.group(name).size)
                groups[name] = np.cumsum(each[list(self.orders[name])])[self.widths[name] - 1]
        return Length(size, groups)
