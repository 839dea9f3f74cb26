"""The smallest network that an anatomy allows: what a budget cannot be below.

It has no branch that can be removed, one cluster in each group that can be cut, all clusters of those that cannot, and
one synapse into and one out of each cluster that lives: less would cut the network in two.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from edgesynth.anatomy import Anatomy
from edgesynth.anatomy.channels import WRITING, Role
from edgesynth.evolution.budgets.unit_costs import Quantity, marginal_costs
from edgesynth.evolution.synthesis.masks import without_dead_branches
from edgesynth.lineage import Genome

Need = dict[tuple[str, int], int]  # {(weight, dimension): index} of the lines in any of which a synapse must live


def smallest_genome(anatomy: Anatomy, quantity: Quantity = "params") -> Genome:
    """The smallest network of an anatomy.

    Units of one group may differ in what they cost, where a network reads some of its channels more than once.

    Args:
        anatomy: the ancestor's.
        quantity: by what the cheapest unit of each group is chosen.
    """
    costs = marginal_costs(anatomy, {}, quantity)
    one_each = {group.name: [int(costs[group.name].argmin())] for group in anatomy.removable}
    kept = without_dead_branches(anatomy, {**one_each, **{branch.name: [] for branch in anatomy.removable_branches}})
    plan = anatomy.plan(kept)
    synapses = {name: torch.zeros(anatomy.shapes[name], dtype=torch.bool) for name in anatomy.weights()}
    for weight, places in _fewest_synapses(_needs(anatomy, kept, WRITING), _needs(anatomy, kept, ("read",))):
        living = {dim: indices[0] for dim, indices in plan.kept.get(weight, {}).items()}
        synapses[weight][tuple({**living, **places}.get(dim, 0) for dim in range(synapses[weight].ndim))] = True
    return Genome(kept, synapses)


def _needs(anatomy: Anatomy, kept: dict[str, list[int]], roles: tuple[Role, ...]) -> list[Need]:
    """For each living unit, the lines of weights in any of which it needs a synapse, if it has such lines at all."""
    weights, needs = set(anatomy.weights()) - anatomy.gone(kept), []
    for group in anatomy.groups:
        members = [member for member in group.members if member.role in roles and member.parameter in weights]
        for unit in kept.get(group.name, range(group.size)) if members else ():
            places = ((member, np.flatnonzero(member.units == unit)) for member in members)
            needs.append({(member.parameter, member.dim): int(lines[0]) for member, lines in places})
    return needs


def _fewest_synapses(into: list[Need], out_of: list[Need]) -> Iterator[tuple[str, dict[int, int]]]:
    """(weight, {dimension: index}) of the fewest synapses that meet all needs.

    One synapse feeds the cluster of its row and is read from that of its column. So as many needs as can be are met by
    pairs, which is a matching, and each of the others by a synapse of its own.
    """
    partner = _matching(into, out_of)
    for need, other in zip(into, partner, strict=True):
        feeds = next((place for place in need if other < 0 or _shared(place, out_of[other])), None)
        assert feeds is not None
        weight, row = feeds
        reads = {dim: index for (name, dim), index in out_of[other].items() if name == weight} if other >= 0 else {}
        yield weight, {**reads, row: need[feeds]}
    for number in sorted(set(range(len(out_of))) - set(partner)):
        (weight, column), index = next(iter(out_of[number].items()))
        yield weight, {column: index}


def _matching(into: list[Need], out_of: list[Need]) -> list[int]:
    """For each of the first needs the one of the second that the same synapse meets; -1 where there is none."""
    if not into or not out_of:
        return [-1] * len(into)
    readers: dict[str, list[int]] = {}
    for number, need in enumerate(out_of):
        for weight, _ in need:
            readers.setdefault(weight, []).append(number)
    pairs = [(row, column) for row, need in enumerate(into) for weight, _ in need for column in readers.get(weight, ())]
    rows, columns = np.array(pairs, dtype=np.int32).reshape(-1, 2).T
    graph = coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(len(into), len(out_of))).tocsr()
    return maximum_bipartite_matching(graph, perm_type="column").tolist()


def _shared(place: tuple[str, int], need: Need) -> bool:
    return any(weight == place[0] for weight, _ in need)
