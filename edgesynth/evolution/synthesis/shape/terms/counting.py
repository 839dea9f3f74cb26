"""Counting: MACs, parameters and clusters of a network as terms, exactly as `Anatomy.census` counts them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from edgesynth.anatomy import Anatomy
from edgesynth.evolution.synthesis.shape.solver.problem import Term
from edgesynth.evolution.synthesis.shape.terms.lengths import Length, Lengths

Within = Callable[[str], tuple[str, ...] | None]  # the branches that a parameter lies in; None if it is gone


def macs_terms(
    anatomy: Anatomy, lengths: Lengths, within: Within, products: Mapping[int, tuple[str, ...]]
) -> list[Term]:
    """Multiply-accumulates of one input.

    Args:
        anatomy: of the ancestor.
        lengths: of its dimensions.
        within: see `Within`.
        products: {place in `anatomy.products` of a product that is left: the branches that it lies in}.
    """
    terms: list[Term] = []
    for weight, branches in _weights(anatomy, within):
        positions = sum(layer.positions for layer in anatomy.layers if layer.weight == weight)
        terms += product_terms(lengths.of_parameter(weight), positions, branches)
    for place, branches in products.items():
        product = anatomy.products[place]
        length = lengths.of_cells(product.cells, product.units)
        terms += product_terms([length], product.macs / anatomy.batch / product.cells, branches)
    return terms


def params_terms(anatomy: Anatomy, lengths: Lengths, within: Within) -> list[Term]:
    """All parameters, biases and normalization included."""
    terms: list[Term] = []
    for name in anatomy.parameters:
        branches = within(name)
        if branches is not None:
            terms += product_terms(lengths.of_parameter(name), 1, branches)
    return terms


def clusters_terms(anatomy: Anatomy, lengths: Lengths, within: Within) -> list[Term]:
    """Output channels of all layers; for a grouped transposed convolution, those of the groups that are left."""
    uses = {layer.weight: layer for layer in reversed(anatomy.layers)}
    terms: list[Term] = []
    for weight, branches in _weights(anatomy, within):
        use = uses[weight]
        written = lengths.of_dimension(weight, use.written)
        if use.groups > 1:
            share = use.groups / anatomy.shapes[weight][0]
            terms += product_terms([written, lengths.of_dimension(weight, 0)], share, branches)
        else:
            terms += product_terms([written], 1, branches)
    return terms


def product_terms(lengths: Sequence[Length], price: float, branches: tuple[str, ...]) -> list[Term]:
    """The product of several lengths and a price, as terms.

    No known layer has a product of more than two groups. Should one come, all groups but the first two count with the
    present number of their indices, which is never less than the true amount.
    """
    sums: dict[tuple[str, ...], np.ndarray] = {(): np.array(float(price))}
    for length in lengths:
        sums = _times(sums, length)
    return [_term(names, table, branches) for names, table in sums.items() if np.any(table)]


def _times(sums: Mapping[tuple[str, ...], np.ndarray], length: Length) -> dict[tuple[str, ...], np.ndarray]:
    """A sum of tables, {groups along their dimensions: table}, times a length."""
    result: dict[tuple[str, ...], np.ndarray] = {}

    def add(names: tuple[str, ...], table: np.ndarray) -> None:
        result[names] = result[names] + table if names in result else table

    for names, table in sums.items():
        add(names, table * length.fixed)
        for group, counts in length.groups.items():
            if group in names:
                shape = [-1 if group == name else 1 for name in names]
                add(names, table * counts.reshape(shape))
            elif len(names) < 2:
                add((*names, group), table[..., None] * counts)
            else:
                add(names, table * counts[-1])
    return result


def _term(names: tuple[str, ...], table: np.ndarray, branches: tuple[str, ...]) -> Term:
    rows, columns = (*names, "", "")[:2]
    return Term(table.reshape(table.shape[0] if rows else 1, -1), rows, columns, branches)


def _weights(anatomy: Anatomy, within: Within) -> Iterator[tuple[str, tuple[str, ...]]]:
    for weight in anatomy.weights():
        branches = within(weight)
        if branches is not None:
            yield weight, branches
