"""Candidate widths of a cluster group, and the worth of keeping that many of its strongest units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from edgesynth.evolution.synthesis.shape.solver.problem import Counts


def candidate_widths(present: int, round_to: int = 8, most: int = 10, least: int = 1) -> Counts:
    """Widths up to the present one, ascending.

    They are the least, the present width, and multiples of `round_to`. If these are more than `most`, multiples at even
    distances are chosen.

    Args:
        present: number of living units, at least 1.
        round_to: number that widths should be multiples of, for the hardware's sake; 1 for any width.
        most: largest number of widths, at least 2.
        least: the smallest width; rounded up to a multiple, but not above the present width.
    """
    least = min(-(-least // round_to) * round_to if least > 1 else least, present)
    multiples = np.arange(round_to, present, round_to)
    if len(multiples) > most - 2:
        even = np.linspace(0, present, most)[1:-1]
        multiples = (even / round_to).round().astype(int) * round_to
    between = multiples[multiples > least]
    return np.unique(np.concatenate([[least], between, [present]])).astype(np.int64)


def unit_worths(viability: Mapping[str, Tensor], kept: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """{group or branch: (size,) float64 worth of each unit}: the exponential of its viability, 1 for the strongest.

    Args:
        viability: {group or branch: (size,) logarithms of probabilities, up to a constant that all of them share}.
        kept: {group or branch: living units, at least one}; only these are returned.
    """
    strongest = max((float(viability[name][list(units)].max()) for name, units in kept.items()), default=0.0)
    strongest = strongest if math.isfinite(strongest) else 0.0
    return {name: (viability[name].double() - strongest).exp() for name in kept}


def by_worth(worth: Tensor, units: Sequence[int]) -> list[int]:
    """Units in falling order of worth; units of equal worth keep their order."""
    living = torch.as_tensor(list(units), dtype=torch.long)
    return living[torch.argsort(worth[living], descending=True, stable=True)].tolist()
