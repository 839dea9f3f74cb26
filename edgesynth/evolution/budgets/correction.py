"""Correction: by what factor networks of a run were slower when measured than predicted, in one number for each budget.

Layers are timed alone, networks as a whole: caches, fusion and other work on the machine are in the second figure only.
A correction is a function of what the run keeps of earlier generations, so a resumed run and a replay have the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from edgesynth.anatomy import Census
from edgesynth.evolution.budgets.machine import Correction, Machine
from edgesynth.evolution.budgets.on_board import ON_BOARD, BoardBudget
from edgesynth.lineage import Figures, Record

# The newest networks are the most alike those that come next, so theirs is most of the correction; those of a
# generation count the same, because they differ by the noise of the measurement.
AGING = 0.1


def correction_of(measured: Iterable[tuple[Record, Figures]], machine: Machine) -> Correction:
    """{budget: measured over predicted}, smoothed over the networks that were measured.

    It is a weighted geometric mean. A network weighs a tenth of one that is a generation younger. What counts as
    measured is the worse end of the interval, as it does for a budget.

    Args:
        measured: individuals and what was measured of them, in any order.
        machine: the one that the run aims at; it predicts.
    """
    known = sorted(measured, key=lambda pair: (pair[0].generation, pair[0].child))
    factors = {budget.name: _smoothed(budget, known, machine) for budget in ON_BOARD}
    return {name: factor for name, factor in factors.items() if factor is not None}


def predicted_amounts(census: Census, machine: Machine) -> dict[str, float]:
    """{budget: what a network is predicted to be measured at}, of those that the machine has a correction of."""
    return {budget.name: budget.amount(census, machine) for budget in ON_BOARD if budget.name in machine.correction}


def _smoothed(budget: BoardBudget, known: list[tuple[Record, Figures]], machine: Machine) -> float | None:
    total, weights = 0.0, 0.0
    for record, figures in known:
        worst = budget.worst(figures)
        if math.isfinite(worst):
            weight = AGING ** (known[-1][0].generation - record.generation)
            total += weight * math.log(worst / budget.estimate(record.census, machine))
            weights += weight
    return math.exp(total / weights) if weights else None
