"""Budgets: what of a network can be limited, the limits of a run, and how the generations approach them."""

from edgesynth.evolution.budgets.budget import Budget
from edgesynth.evolution.budgets.budgets import Budgets
from edgesynth.evolution.budgets.counted import CLUSTERS, COUNTED, MACS, PARAMS, SPARSE_BYTES, SYNAPSES, CountedBudget
from edgesynth.evolution.budgets.on_board import ENERGY, LATENCY, ON_BOARD, BoardBudget
from edgesynth.evolution.budgets.registry import BUDGETS, limits

__all__ = [
    "BUDGETS",
    "CLUSTERS",
    "COUNTED",
    "ENERGY",
    "LATENCY",
    "MACS",
    "ON_BOARD",
    "PARAMS",
    "SPARSE_BYTES",
    "SYNAPSES",
    "BoardBudget",
    "Budget",
    "Budgets",
    "CountedBudget",
    "limits",
]
