"""Pricing: the cost of each layer by a table of its input and output channels, such as its latency on a board."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from edgesynth.anatomy import Anatomy
from edgesynth.anatomy.layers import LayerUse
from edgesynth.evolution.synthesis.shape.solver.problem import Counts, Table, Term
from edgesynth.evolution.synthesis.shape.terms.counting import Within
from edgesynth.evolution.synthesis.shape.terms.lengths import Length, Lengths

LayerTable = Callable[[int, Counts, Counts], Table]


@dataclass(frozen=True)
class LayerCosts:
    """Costs of layers by a table instead of a formula.

    Attributes:
        table: function of the place of a layer in `Anatomy.layers`, (n,) sizes of its weight's input dimension and (m,)
            sizes of its output dimension, all at least 1. It returns (n, m) costs, such as milliseconds of one batch.
            Sizes are those of the weight's shape, as in `LayerCensus.shape`: a depthwise convolution reads 1.
        constant: cost of the network beside its layers.
    """

    table: LayerTable
    constant: float = 0.0


@dataclass(frozen=True)
class _Samples:
    """Sizes for which a layer's cost is asked, and how the cost at each width follows from these.

    Attributes:
        sizes: (n,) sizes.
        parts: {group, or "" for the constant part: (widths, n) weights of the samples}.
    """

    sizes: Counts
    parts: dict[str, Table]


def priced_terms(anatomy: Anatomy, lengths: Lengths, within: Within, costs: LayerCosts) -> list[Term]:
    """Costs of all calls of layers.

    Along a dimension of one group costs are exact. Along a dimension of several groups, as after a concatenation, the
    cost is assumed to rise in a straight line from all groups at their least widths to all at their present widths.
    Each group has its share of this rise, and steps in between are not seen.
    """
    terms: list[Term] = []
    for place, layer in enumerate(anatomy.layers):
        branches = within(layer.weight)
        if branches is not None:
            terms += _layer_terms(anatomy, lengths, layer, partial(costs.table, place), branches)
    return terms


def _layer_terms(
    anatomy: Anatomy,
    lengths: Lengths,
    layer: LayerUse,
    table: Callable[[Counts, Counts], Table],
    branches: tuple[str, ...],
) -> list[Term]:
    dims = range(len(anatomy.shapes[layer.weight]))
    read, written = (
        _samples(lengths.of_dimension(layer.weight, dim) if dim in dims else Length(1, {}), lengths, branches)
        for dim in (1 - layer.written, layer.written)
    )
    costs = np.zeros((len(read.sizes), len(written.sizes)))  # without channels there is no layer
    there = read.sizes > 0, written.sizes > 0
    costs[np.ix_(*there)] = table(read.sizes[there[0]], written.sizes[there[1]])
    return [
        Term(rows @ costs @ columns.T, reader, writer, branches)
        for reader, rows in read.parts.items()
        for writer, columns in written.parts.items()
    ]


def _samples(length: Length, lengths: Lengths, branches: tuple[str, ...]) -> _Samples:
    """Each width of a single group, and 0 where it may vanish before the layer; least and most of several groups."""
    least = {
        name: 0 if lengths.may_vanish(name, branches) else int(counts[0]) for name, counts in length.groups.items()
    }
    if not length.groups:
        return _Samples(np.array([length.fixed]), {"": np.ones((1, 1))})
    if len(length.groups) == 1:
        ((name, counts),) = length.groups.items()
        every = np.eye(len(counts) + 1)
        if least[name] or not length.fixed:
            return _Samples(length.fixed + counts, {name: every[1:, 1:]})
        return _Samples(np.array([length.fixed, *(length.fixed + counts)]), {"": every[:1], name: every[1:] - every[0]})
    ends = np.array([length.fixed + sum(least.values()), length.at_most()])
    rise = max(int(ends[1] - ends[0]), 1)
    shares = {name: (counts - least[name]) / rise for name, counts in length.groups.items()}
    parts = {name: np.stack([-share, share], axis=1) for name, share in shares.items()}
    return _Samples(ends, {"": np.array([[1.0, 0.0]]), **parts})
