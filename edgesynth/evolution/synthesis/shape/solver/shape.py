"""Shape: how many units each group keeps, and which branches live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgesynth.evolution.synthesis.shape.solver.tables import Places, Tables


@dataclass(frozen=True)
class Shape:
    """A choice of widths and branches, with its exact worth and amounts.

    Attributes:
        widths: {group: units kept}; 0 where a branch that it lies in is dead.
        lives: {branch: whether it lives}; a branch within a dead one does not.
        worth: worth of what it keeps.
        amounts: {budget: how much it has of it}.
        bound: upper bound of the worth of any shape, as far as the solver knows; at least `worth`.
    """

    widths: Mapping[str, int]
    lives: Mapping[str, bool]
    worth: float
    amounts: Mapping[str, float]
    bound: float


def read_shape(tables: Tables, places: Places, dead: frozenset[str], bound: float) -> Shape:
    """The shape of places and dead branches."""
    worth = tables.worth(places, dead)
    widths = {
        name: int(group.widths[places[name]]) if dead.isdisjoint(tables.presence[name]) else 0
        for name, group in tables.problem.groups.items()
    }
    amounts = dict(zip(tables.names, tables.amounts(places, dead).tolist(), strict=True))
    return Shape(
        widths, {name: name not in dead for name in tables.problem.branches}, worth, amounts, max(bound, worth)
    )
