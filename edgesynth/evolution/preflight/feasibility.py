"""Feasibility: what cannot be bred is refused before anything is trained.

The smallest network that an anatomy allows has one cluster in each group that can be cut, all of those that cannot, and
one synapse into and one out of each cluster that lives: less would cut the network in two.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from edgesynth.anatomy import Anatomy, Census
from edgesynth.anatomy.channels import WRITING, Role
from edgesynth.errors import UserError
from edgesynth.evolution.budgets.budgets import ON_BOARD, OPTIONS, Yardstick, as_given, in_words
from edgesynth.evolution.preflight.options import check_options
from edgesynth.evolution.synthesis.allocation import Quantity, marginal_costs
from edgesynth.lineage import Config, Genome
from edgesynth.planning.cost import Layer

Need = dict[tuple[str, int], int]  # {(weight, dimension): index} of the lines in any of which a synapse must live


def check_feasible(config: Config, anatomy: Anatomy, other_kernels: Sequence[Layer] = ()) -> None:
    """Refuse a configuration by which nothing can be bred; `anatomy` and `other_kernels` are those of the `Species`.

    Raises:
        UserError: options that exclude each other or have no effect, clusters to be drawn where none can be cut, no
            synapse at all, or budgets that no network of this anatomy can meet, alone or together, or that the ancestor
            meets already.
    """
    check_options(config)
    cuttable = [group for group in anatomy.removable if group.size > 1]
    if not cuttable:
        _check_uncuttable(config, anatomy)
    yardstick = Yardstick(config, anatomy, other_kernels)
    _check_board(yardstick, anatomy)
    if not yardstick.budgets:
        return
    if yardstick.within(anatomy.census()):
        raise UserError(_met_already(yardstick, anatomy.census()))
    smallest = [smallest_genome(anatomy, quantity).census(anatomy) for quantity in ("params", "macs")]
    told = {name: most for name, most in yardstick.budgets.items() if not yardstick.is_measured(name)}
    for name, most in told.items():
        least = min(yardstick.amount(census, name) for census in smallest)
        if most < least:
            why = f"one cluster in each of the {len(cuttable)} groups that can be cut, the others whole"
            if not cuttable:
                why = f"no cluster can be cut: {_first_reason(anatomy)}"
            raise UserError(_out_of_reach(yardstick, name, least, why))
    if not any(yardstick.meets(census, told) for census in smallest):
        raise UserError(_exclusion(yardstick, told, smallest))


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
    for weight, places in _fewest_synapses(_needs(anatomy, kept, WRITING), _needs(anatomy, kept, ("read",))):
        living = {dim: indices[0] for dim, indices in plan.kept.get(weight, {}).items()}
        synapses[weight][tuple({**living, **places}.get(dim, 0) for dim in range(synapses[weight].ndim))] = True
    return Genome(kept, synapses)


def _needs(anatomy: Anatomy, kept: dict[str, list[int]], roles: tuple[Role, ...]) -> list[Need]:
    """For each living unit, the lines of weights in any of which it needs a synapse, if it has such lines at all."""
    weights, needs = set(anatomy.weights()), []
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


def _check_uncuttable(config: Config, anatomy: Anatomy) -> None:
    """Refuse a network that has no cluster to give where clusters are what is drawn."""
    if not anatomy.weights():
        raise UserError(
            f"{config.ancestor} has no convolution or linear layer, so there is no synapse to lose; "
            "give another --ancestor"
        )
    uncut = f"no cluster of {config.ancestor} can be cut: {_first_reason(anatomy)}"
    if config.strategy == "generative":
        raise UserError(f"--strategy is generative and {uncut}; use --strategy heredity --encoding synapse")
    if config.encoding == "cluster":
        raise UserError(f"--encoding is cluster and {uncut}; use --encoding synapse")


def _first_reason(anatomy: Anatomy) -> str:
    """Why the first group of a network of which none can be cut cannot be."""
    group = anatomy.groups[0]
    return f"{group.name} ({group.reason or 'it has one cluster, which has to stay'})"


def _check_board(yardstick: Yardstick, anatomy: Anatomy) -> None:
    """Refuse budgets of a board that nothing can be said of; all of it is said before anything is trained."""
    config, whole = yardstick.config, yardstick.predict(anatomy.census())
    given = [name for name in ON_BOARD if name in yardstick.budgets]
    generative = config.strategy == "generative"
    if config.measure_on is not None and generative:
        raise UserError(
            "--measure-on steers heredity alone, and --strategy is generative, which goes by what can be told of a "
            "network before it is trained; use --strategy heredity, or --board NAME, whose figures are predicted"
        )
    if config.measure_on is not None:
        return
    measured = "" if generative else ", or measure: --measure-on local or ssh://user@host"
    if given and whole is None:
        raise UserError(
            f"{OPTIONS[given[0]]} is given and nothing says of which machine; add --board NAME, such as tx2, "
            f"whose figures are then predicted{measured}"
        )
    if whole is not None and "energy_mj" in given and whole.energy_mj_per_image is None:
        raise UserError(
            f"--min-images-per-joule is {config.min_images_per_joule:g} and the energy of {whole.board} at "
            f"{whole.precision} cannot be predicted: there is no published power to fit; use --board tx1 or tx2 at "
            f"fp16 or fp32{measured}"
        )


def _out_of_reach(yardstick: Yardstick, name: str, least: float, why: str) -> str:
    """Why a budget is below what the smallest network has."""
    smallest = f"the smallest network that {yardstick.config.ancestor} can become"
    if name not in ON_BOARD:
        most, found = yardstick.budgets[name], int(least)
        return f"{OPTIONS[name]} is {most:,} and {smallest} has {found:,} {name} ({why}); set it to {found:,} or more"
    assert yardstick.board is not None
    where = f"on {yardstick.board.title} at {yardstick.precision}"
    if name == "latency_ms":
        asked, found_words, way = f"{yardstick.budgets[name]:g}", f"{_outward(least)} ms", "more"
    else:
        asked, found_words, way = f"{1e3 / yardstick.budgets[name]:g}", f"{_outward(-1e3 / least)} images/J", "less"
    return (
        f"{OPTIONS[name]} is {asked} and {smallest} is predicted to have {found_words} {where} ({why}); "
        f"set it to that or {way}"
    )


def _outward(bound: float) -> str:
    """Three digits of a least amount, or of the negative of a most amount, that are no further than the bound."""
    step = 10.0 ** (math.floor(math.log10(abs(bound))) - 2)
    return f"{abs(math.ceil(bound / step) * step):.6g}"


def _met_already(yardstick: Yardstick, census: Census) -> str:
    given = " and ".join(f"{OPTIONS[name]} is {as_given(name, most)}" for name, most in yardstick.budgets.items())
    found = " and ".join(
        f"{'predicted ' if name in ON_BOARD else ''}{in_words(name, yardstick.amount(census, name))}"
        for name in yardstick.budgets
    )
    return f"{given}, and {yardstick.config.ancestor} has {found} already; set a tighter budget"


def _exclusion(yardstick: Yardstick, budgets: dict[str, float], smallest: list[Census]) -> str:
    given = " and ".join(f"{OPTIONS[name]} {as_given(name, most)}" for name, most in budgets.items())
    found = "; or ".join(
        ", ".join(in_words(name, yardstick.amount(census, name)) for name in budgets) for census in smallest
    )
    ancestor = yardstick.config.ancestor
    return f"{given} exclude each other: the smallest networks that {ancestor} can become have {found}; raise one"
