"""Candidate widths of `--round-to auto`: multiples that the engine likes, the widest ones on the steps of its times.

Of two widths of one step only the wider is of use. Where time rises evenly, so do the candidates.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from edgesynth.anatomy import Anatomy
from edgesynth.boards.channel_multiples import Multiples
from edgesynth.evolution.synthesis.shape.solver.problem import Counts, Table
from edgesynth.evolution.synthesis.shape.terms.candidates import candidate_widths
from edgesynth.evolution.synthesis.shape.terms.lengths import Length, Lengths
from edgesynth.evolution.synthesis.shape.terms.pricing import LayerTable


def auto_widths(
    anatomy: Anatomy,
    orders: Mapping[str, Sequence[int]],
    gone: Collection[str],
    multiples: Multiples,
    tables: Sequence[LayerTable],
    counted: bool,
    most: int,
    least: Mapping[str, int],
) -> dict[str, Counts]:
    """{group: (n,) widths, ascending}: the least and the present one, and what lies between.

    Args:
        anatomy: of the ancestor.
        orders: {group: its living units}.
        gone: parameters that died with a branch.
        multiples: that the engine likes. A group takes those of all its layers, and halves where it is too narrow for
            two of them; but where a grouped convolution needs a multiple, it has no other width than the present one.
        tables: costs of layers by budgets of a machine, see `LayerCosts`; without them widths are at even distances.
        counted: whether there are budgets of counts too, which fall by narrower widths of a step as well.
        most: largest number of widths of a group.
        least: {group: the smallest width}.
    """
    rounding, needed = _rounding(anatomy, orders, gone, multiples)
    least = {name: max(smallest, needed[name]) for name, smallest in least.items()}
    if not tables:
        return {name: candidate_widths(len(order), rounding[name], most, least[name]) for name, order in orders.items()}
    every = {
        name: candidate_widths(len(order), rounding[name], len(order) + 1, least[name])
        for name, order in orders.items()
    }
    costs = _costs(anatomy, orders, gone, tables, every)
    share = most // 2 if counted else most
    widths = {name: widest_by_cost(every[name], costs[name], share) for name in orders}
    if not counted:
        return widths
    return {
        name: np.union1d(widths[name], candidate_widths(len(order), rounding[name], share, least[name]))
        for name, order in orders.items()
    }


def widest_by_cost(widths: Counts, costs: Table, most: int) -> Counts:
    """The narrowest width, and the widest ones within equal shares of the cost.

    Args:
        widths: (n,) ascending.
        costs: (n,) cost of each.
        most: largest number of widths to return, at least 2.
    """
    wider = np.append(np.minimum.accumulate(costs[::-1])[::-1][1:], np.inf)
    ends = costs < wider  # no wider one costs as little
    ends[0] = True
    widths, costs = widths[ends], costs[ends]
    if len(widths) <= most:
        return widths
    levels = np.linspace(costs[1:].min(), costs[-1], most - 1)
    return np.unique(np.append(widths[1:][np.searchsorted(costs[1:], levels, side="right") - 1], widths[0]))


def _rounding(
    anatomy: Anatomy, orders: Mapping[str, Sequence[int]], gone: Collection[str], multiples: Multiples
) -> tuple[dict[str, int], dict[str, int]]:
    """{group: number that its widths are multiples of}, and {group: number that they must be multiples of}."""
    grouped = {layer.weight for layer in anatomy.layers if _is_grouped(anatomy, layer.weight)}
    weights = {layer.weight for layer in anatomy.layers} - {*gone}
    rounding, needed = {}, {}
    for name, order in orders.items():
        own = {anatomy.aliases.get(member.parameter, member.parameter) for member in anatomy.group(name).members}
        liked = [multiples.grouped if weight in grouped else multiples.dense for weight in own & weights]
        needed[name] = multiples.needed if own & weights & grouped else 1
        multiple = max(liked, default=1)
        while multiple > needed[name] and len(order) < 2 * multiple:
            multiple //= 2
        rounding[name] = multiple
    return rounding, needed


def _is_grouped(anatomy: Anatomy, weight: str) -> bool:
    module = anatomy.model.get_submodule(weight.rpartition(".")[0])
    return getattr(module, "groups", 1) > 1


def _costs(
    anatomy: Anatomy,
    orders: Mapping[str, Sequence[int]],
    gone: Collection[str],
    tables: Sequence[LayerTable],
    widths: Mapping[str, Counts],
) -> dict[str, Table]:
    """{group: (n,) cost of the layers around it at each of its widths, while the other groups stay as they are}."""
    every = {name: np.arange(1, len(order) + 1) for name, order in orders.items()}
    lengths = Lengths(anatomy, orders, every, {})
    costs = {name: np.zeros(len(own)) for name, own in widths.items()}
    for place, layer in enumerate(anatomy.layers):
        if layer.weight in gone:
            continue
        dims = range(len(anatomy.shapes[layer.weight]))
        read, written = (
            lengths.of_dimension(layer.weight, dim) if dim in dims else Length(1, {})
            for dim in (1 - layer.written, layer.written)
        )
        for table in tables:
            for name in read.groups:
                sizes = _sizes(read, name, widths[name])
                costs[name] += table(place, sizes, _present(written))[:, 0]
            for name in written.groups:
                sizes = _sizes(written, name, widths[name])
                costs[name] += table(place, _present(read), sizes)[0]
    return costs


def _sizes(length: Length, name: str, widths: Counts) -> Counts:
    """Lengths of a dimension at other widths of one of its groups, at least 1."""
    counts = length.groups[name]
    return np.maximum(length.at_most() - counts[-1] + counts[widths - 1], 1)


def _present(length: Length) -> Counts:
    return np.array([max(length.at_most(), 1)])
