"""Feasibility: what cannot be bred is refused before anything is trained.

The smallest network that an anatomy allows has one cluster in each group that can be cut, all of those that cannot, and
one synapse into and one out of each cluster that lives: less would cut the network in two.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from edgesynth.anatomy import Anatomy, Census
from edgesynth.anatomy.channels import Role
from edgesynth.errors import UserError
from edgesynth.evolution.allocation import Quantity, marginal_costs
from edgesynth.evolution.strength import build_strength
from edgesynth.lineage import Config, Genome

Need = dict[tuple[str, int], int]  # {(weight, dimension): index} of the lines in any of which a synapse must live

OPTIONS = {
    "synapses": "--max-synapses",
    "clusters": "--max-clusters",
    "macs": "--max-macs",
    "params": "--max-params",
    "sparse_bytes": "--max-bytes",
}


def check_feasible(config: Config, anatomy: Anatomy) -> None:
    """Refuse a configuration by which nothing can be bred.

    Raises:
        UserError: options that exclude each other, an encoding by clusters where none can be cut, or budgets that no
            network of this anatomy can meet, alone or together.
    """
    _check_options(config)
    cuttable = [group for group in anatomy.removable if group.size > 1]
    if config.encoding == "cluster" and not cuttable:
        raise UserError(
            f"--encoding is cluster and no cluster of {config.ancestor} can be cut: {_first_reason(anatomy)}; "
            "use --encoding synapse"
        )
    if not config.budgets:
        return
    smallest = [smallest_genome(anatomy, quantity).census(anatomy) for quantity in ("params", "macs")]
    for name, most in config.budgets.items():
        least = min(getattr(census, name) for census in smallest)
        if most < least:
            why = f"one cluster in each of the {len(cuttable)} groups that can be cut, the others whole"
            if not cuttable:
                why = f"no cluster can be cut: {_first_reason(anatomy)}"
            raise UserError(
                f"{OPTIONS[name]} is {most:,} and the smallest network that {config.ancestor} can become has "
                f"{least:,} {name} ({why}); set it to {least:,} or more"
            )
    if not any(_meets(census, config.budgets) for census in smallest):
        raise UserError(_exclusion(config, smallest))


def smallest_genome(anatomy: Anatomy, quantity: Quantity = "params") -> Genome:
    """The smallest network of an anatomy.

    Units of one group may differ in what they cost, where a network reads some of its channels more than once.

    Args:
        anatomy: the ancestor's.
        quantity: by what the cheapest unit of each group is chosen.
    """
    costs = marginal_costs(anatomy, {}, quantity)
    kept = {group.name: [int(costs[group.name].argmin())] for group in anatomy.removable}
    plan = anatomy.plan(kept)
    synapses = {name: torch.zeros(anatomy.shapes[name], dtype=torch.bool) for name in anatomy.weights()}
    for weight, places in _fewest_synapses(_needs(anatomy, kept, "weight"), _needs(anatomy, kept, "read")):
        living = {dim: indices[0] for dim, indices in plan.kept.get(weight, {}).items()}
        synapses[weight][tuple({**living, **places}.get(dim, 0) for dim in range(synapses[weight].ndim))] = True
    return Genome(kept, synapses)


def _needs(anatomy: Anatomy, kept: dict[str, list[int]], role: Role) -> list[Need]:
    """For each living unit, the lines of weights in any of which it needs a synapse, if it has such lines at all."""
    weights, needs = set(anatomy.weights()), []
    for group in anatomy.groups:
        members = [member for member in group.members if member.role == role and member.parameter in weights]
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
    for one, other in zip(into, partner, strict=True):
        feeds = next((place for place in one if other < 0 or _shared(place, out_of[other])), None)
        assert feeds is not None
        weight, row = feeds
        reads = {dim: index for (name, dim), index in out_of[other].items() if name == weight} if other >= 0 else {}
        yield weight, {**reads, row: one[feeds]}
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


def _check_options(config: Config) -> None:
    build_strength(config.strength, config.normaliser)
    if config.allocation == "strength":
        return
    for name, value, usable in (
        ("encoding", config.encoding, "cluster"),
        ("environment", config.environment, "calibrated"),
    ):
        if value != usable:
            raise UserError(
                f"--allocation is {config.allocation}, which shares out the clusters of a calibrated draw, and "
                f"--{name} is {value}; use --{name} {usable}, or leave --allocation out"
            )


def _first_reason(anatomy: Anatomy) -> str:
    """Why the first group cannot be cut."""
    for group in anatomy.groups:
        return f"{group.name} ({group.reason or 'it has one cluster, which has to stay'})"
    return "it has no convolution or linear layer"


def _meets(census: Census, budgets: dict[str, int]) -> bool:
    return all(getattr(census, name) <= most for name, most in budgets.items())


def _exclusion(config: Config, smallest: list[Census]) -> str:
    given = " and ".join(f"{OPTIONS[name]} {most:,}" for name, most in config.budgets.items())
    found = "; or ".join(
        ", ".join(f"{getattr(census, name):,} {name}" for name in config.budgets) for census in smallest
    )
    return (
        f"{given} exclude each other: the smallest networks that {config.ancestor} can become have {found}; raise one"
    )
