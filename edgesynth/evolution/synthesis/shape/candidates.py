"""Candidate widths of a cluster group, and what keeping that many of its strongest units is worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from edgesynth.anatomy import Anatomy, Kept
from edgesynth.evolution.synthesis.shape.problem import Counts
from edgesynth.evolution.synthesis.shape.shape import Shape


def candidate_widths(present: int, round_to: int = 8, most: int = 10) -> Counts:
    """Widths up to the present one, ascending.

    They are 1, the present width, and multiples of `round_to`. Of more multiples than fit, some at even distances stay.

    Args:
        present: number of living units, at least 1.
        round_to: what hardware likes widths to be multiples of; 1 for any.
        most: number of widths, at least 2.
    """
    multiples = np.arange(round_to, present, round_to)
    if len(multiples) > most - 2:
        even = np.linspace(0, present, most)[1:-1]
        multiples = (even / round_to).round().astype(int) * round_to
    return np.unique(np.concatenate([[1], multiples, [present]])).astype(np.int64)


def worths_of(
    viability: Mapping[str, Tensor], kept: Mapping[str, Sequence[int]], branches: Iterable[str] = ()
) -> dict[str, Tensor]:
    """Worth of each unit and branch: the exponential of its viability, 1 for the strongest unit that lives.

    Args:
        viability: {group: (size,), branch: (1,) logarithms of probabilities, up to a constant that all share}.
        kept: {group: living units, at least one}.
        branches: names of branches; those without a viability are left out.

    Returns:
        {group: (size,), branch: (1,) float64} of these groups and branches alone.
    """
    strongest = max((float(viability[name][list(units)].max()) for name, units in kept.items()), default=0.0)
    names = [*kept, *(name for name in branches if name in viability)]
    return {name: (viability[name].double() - strongest).exp() for name in names}


def by_worth(worth: Tensor, units: Sequence[int]) -> list[int]:
    """Units, those of the most worth first; of equal ones the first."""
    living = torch.as_tensor(list(units), dtype=torch.long)
    return living[torch.argsort(worth[living], descending=True, stable=True)].tolist()


def kept_of(shape: Shape, anatomy: Anatomy, kept: Kept, viability: Mapping[str, Tensor]) -> dict[str, list[int]]:
    """What `Anatomy.plan` takes for a shape: the strongest living units of each group, and no unit of dead branches.

    Args:
        shape: what `solve` chose for the problem of this anatomy.
        anatomy: of the ancestor.
        kept: what the parent has, as `build_problem` took it.
        viability: likewise.
    """
    chosen = {name: list(units) for name, units in kept.items()}
    for name, width in shape.widths.items():
        if width:
            units = kept.get(name, range(anatomy.group(name).size))
            chosen[name] = sorted(by_worth(viability[name], units)[:width])
    return {**chosen, **{name: [] for name, alive in shape.lives.items() if not alive}}
