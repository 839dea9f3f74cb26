"""Costs of layers of other widths on the machine that a run aims at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from edgesynth.anatomy import Anatomy, Census
from edgesynth.evolution.budgets import BUDGETS, Budgets
from edgesynth.evolution.budgets.on_board import BoardBudget
from edgesynth.evolution.synthesis.shape.solver.problem import Counts, Table
from edgesynth.evolution.synthesis.shape.terms.pricing import LayerCosts
from edgesynth.evolution.synthesis.strength import Parent


def layer_costs(budgets: Budgets, parent: Parent, names: Iterable[str]) -> dict[str, LayerCosts]:
    """{budget of a machine: its tables of each layer}, of those that are named.

    Tables and constant are in the unit of the budget's amount. If a run is measured, both are corrected by what it has
    measured. The cost beside the layers is that of the parent.

    Args:
        budgets: of the run, as seen from the parent.
        parent: the network that gets smaller.
        names: of budgets.
    """
    census = parent.genome.census(parent.anatomy)
    return {name: _costs(budgets, budget, census) for name in names if isinstance(budget := BUDGETS[name], BoardBudget)}


def _costs(budgets: Budgets, budget: BoardBudget, census: Census) -> LayerCosts:
    machine = budgets.machine
    assert machine.anatomy is not None
    amount, prediction = budgets.amount(census, budget.name), machine.predict(census)
    # Without a prediction, latency is assumed to be proportional to the MACs.
    whole = census.macs if prediction is None else prediction.latency_ms
    scale = (amount if math.isfinite(amount) else 1.0) / whole

    def table(place: int, read: Counts, written: Counts) -> Table:
        times = machine.layer_macs if prediction is None else machine.layer_ms
        return scale * times(place, read, written)

    layers = sum(float(table(place, *sizes)[0, 0]) for place, sizes in _present(machine.anatomy, census))
    return LayerCosts(table, scale * whole - layers)


def _present(anatomy: Anatomy, census: Census) -> Iterator[tuple[int, tuple[Counts, Counts]]]:
    """(place of a layer, its input and output sizes) of all layers that the parent still has."""
    shapes = dict(zip(anatomy.weights(), (left.shape for left in census.layers), strict=True))
    for place, layer in enumerate(anatomy.layers):
        shape = shapes[layer.weight]
        if math.prod(shape):
            yield place, (np.array([shape[1 - layer.written]]), np.array([shape[layer.written]]))
