"""Counted budgets: totals of the census. A further one is an entry here and its option in `config.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from torch import Tensor

from edgesynth.anatomy import Anatomy, Census, Kept
from edgesynth.evolution.budgets.budget import Budget
from edgesynth.evolution.budgets.machine import Machine
from edgesynth.evolution.budgets.unit_costs import clusters_of_units, macs_of_units, params_of_units
from edgesynth.lineage import Genome


@dataclass(frozen=True)
class CountedBudget(Budget):
    """A total of the census.

    Attributes:
        total: reads it.
        cost: {group: (size,) how much dies with each unit} of an anatomy and what lives of it.
    """

    total: Callable[[Census], int]
    cost: Callable[[Anatomy, Kept], dict[str, Tensor]]
    on_board = False
    falls_with_each_cluster = True

    def amount(self, census: Census, machine: Machine) -> int:
        """See `Budget.amount`."""
        return self.total(census)

    def unit_costs(self, anatomy: Anatomy, genome: Genome, machine: Machine) -> dict[str, Tensor]:
        """See `Budget.unit_costs`."""
        return self.cost(anatomy, genome.kept)

    def format(self, amount: float) -> str:
        """See `Budget.format`."""
        return f"{amount:,.0f} {self.unit}"

    def as_given(self, most: float) -> str:
        """See `Budget.as_given`."""
        return f"{most:,}"

    def used(self, amount: float, most: float, measured: bool) -> str:
        """See `Budget.used`."""
        return f"{self.format(amount)} of {most:,}"


# Synapses and bytes that die with a unit are taken to be as its parameters are.
SYNAPSES = CountedBudget(
    name="synapses",
    option="--max-synapses",
    unit="synapses",
    levels=("synapses",),
    total=attrgetter("synapses"),
    cost=params_of_units,
)
CLUSTERS = CountedBudget(
    name="clusters",
    option="--max-clusters",
    unit="clusters",
    levels=("clusters",),
    total=attrgetter("clusters"),
    cost=clusters_of_units,
)
MACS = CountedBudget(
    name="macs",
    option="--max-macs",
    unit="macs",
    levels=("clusters",),
    total=attrgetter("macs"),
    cost=macs_of_units,
)
PARAMS = CountedBudget(
    name="params",
    option="--max-params",
    unit="params",
    levels=("clusters",),
    total=attrgetter("params"),
    cost=params_of_units,
)
SPARSE_BYTES = CountedBudget(
    name="sparse_bytes",
    option="--max-bytes",
    unit="sparse_bytes",
    levels=("clusters", "synapses"),
    total=attrgetter("sparse_bytes"),
    cost=params_of_units,
)
COUNTED = (SYNAPSES, CLUSTERS, MACS, PARAMS, SPARSE_BYTES)
