"""Constrained domination: which individual is better, when some violate a constraint.

After Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002, section VI.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgesynth.evolution.budgets import CLUSTERS, COUNTED, SYNAPSES, Budgets
from edgesynth.lineage import Record


@dataclass(frozen=True)
class Standing:
    """What domination compares.

    Attributes:
        violation: 0 for a feasible individual, else how far it is from being one, > 0; infinite for a dead one.
        costs: what is to be small, in the same order for all that are compared.
    """

    violation: float
    costs: tuple[float, ...]


def dominates(first: Standing, second: Standing) -> bool:
    """Whether the first is better: it violates less, or both are feasible and it is nowhere worse, somewhere better."""
    if first.violation or second.violation:
        return first.violation < second.violation
    pairs = zip(first.costs, second.costs, strict=True)
    return first.costs != second.costs and all(own <= its for own, its in pairs)


def standing(record: Record, budgets: Budgets, floor: float) -> Standing:
    """Validation error first, then everything that is budgeted or aimed at; without a budget synapses and clusters."""
    names = budgets.compared or (SYNAPSES.name, CLUSTERS.name)
    return Standing(violation(record, floor), (loss(record), *(budgets.has(record, name) for name in names)))


def counted(record: Record, floor: float) -> Standing:
    """Validation error and every total of the census, budgeted or not."""
    totals = (budget.total(record.census) for budget in COUNTED)
    return Standing(violation(record, floor), (loss(record), *totals))


def violation(record: Record, floor: float) -> float:
    """Percent by which a record misses the floor; infinite where it died, or is infeasible for another reason."""
    if record.feasible:
        return 0.0
    missing = floor - record.validation
    return missing if missing > 0 and math.isfinite(missing) and not record.nurture.get("died") else math.inf


def within_first(ranked: list[Record], budgets: Budgets) -> list[Record]:
    """Those that meet every budget, and then the others, each in the order that they come in.

    In early generations no individual meets the budgets. Once some do, an individual that is over a budget comes after
    all that are not, even if it is more accurate.
    """
    return sorted(ranked, key=lambda record: not (record.feasible and budgets.accepts(record)))


def loss(record: Record) -> float:
    """Validation as a cost (percent, negative); infinite where it is not a number."""
    return -record.validation if math.isfinite(record.validation) else math.inf
