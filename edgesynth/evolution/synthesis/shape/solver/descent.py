"""Descent: step by step, give up the least worth for the largest share of what is over the limits.

The integer program is compared with it. It is also the answer if the program stops without one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgesynth.evolution.synthesis.shape.solver.problem import Table
from edgesynth.evolution.synthesis.shape.solver.tables import Tables

State = tuple[dict[str, int], frozenset[str]]
LEAST_GAIN = 1e-12


def whole(tables: Tables) -> State:
    """The widest shape."""
    return {name: len(group.widths) - 1 for name, group in tables.problem.groups.items()}, frozenset()


def descend(tables: Tables, start: State | None = None) -> State | None:
    """A shape that meets all limits, by narrowing groups and removing branches; then as wide as the limits allow.

    Args:
        tables: of the problem; every step reads the exact amounts of the present shape.
        start: the shape to begin with; the widest by default.

    Returns:
        None if no step helps before all limits are met. That does not prove that there is no such shape.
    """
    places, dead = start or whole(tables)
    amounts = tables.amounts(places, dead)
    while not tables.meets(amounts):
        step = _cheapest(tables, dict(places), dead, amounts)
        if step is None:
            return None
        places, dead = step
        amounts = tables.amounts(places, dead)
    return _filled(tables, dict(places), dead, amounts)


def _cheapest(tables: Tables, places: dict[str, int], dead: frozenset[str], amounts: Table) -> State | None:
    """The step that loses the least worth for the share of the excess that it removes."""
    excess = amounts - tables.limits
    over = excess > 0
    best: tuple[float, State] | None = None
    for state, lost, saved in _steps(tables, places, dead):
        gain = float(np.minimum(saved[over] / excess[over], 1).sum())
        if gain < LEAST_GAIN or (saved[~over] < excess[~over]).any():  # or a limit that was met would be exceeded
            continue
        if best is None or lost / gain < best[0]:
            best = lost / gain, state
    return None if best is None else best[1]


def _steps(tables: Tables, places: dict[str, int], dead: frozenset[str]) -> Iterator[tuple[State, float, Table]]:
    """(shape, lost worth, (budgets,) saved amounts) of every narrower width and every branch that may die."""
    for name, group in tables.problem.groups.items():
        if not dead.isdisjoint(tables.presence[name]):
            continue
        now, by_width = places[name], tables.amounts_by_width(name, places, dead)
        for place in range(now):
            lost = float(group.worth[now] - group.worth[place])
            yield ({**places, name: place}, dead), lost, by_width[:, now] - by_width[:, place]
    worth = tables.worth(places, dead)
    for name in tables.problem.branches:
        if name not in dead:
            without = dead | tables.dying_with(name)
            yield (places, without), worth - tables.worth(places, without), tables.amounts_in(name, places, dead)


def _filled(tables: Tables, places: dict[str, int], dead: frozenset[str], amounts: Table) -> State:
    """The shape with groups widened as long as the limits allow, the most worth first."""
    while True:
        best: tuple[float, str, int, Table] | None = None
        for name, group in tables.problem.groups.items():
            if not dead.isdisjoint(tables.presence[name]):
                continue
            now, by_width = places[name], tables.amounts_by_width(name, places, dead)
            for place in range(now + 1, len(group.widths)):
                gained = float(group.worth[place] - group.worth[now])
                after = amounts + by_width[:, place] - by_width[:, now]
                if gained > (best[0] if best else 0) and tables.meets(after):
                    best = gained, name, place, after
        if best is None:
            return places, dead
        _, name, place, amounts = best
        places[name] = place
