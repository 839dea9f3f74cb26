"""Build a problem from a network: its groups, its branches and what they cost.

MACs, parameters and clusters are counted as `Anatomy.census` counts them. Latency and energy come from tables of each
layer that the caller gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from torch import Tensor

from edgesynth.anatomy import Anatomy, Kept
from edgesynth.anatomy.branches.branch import Branch
from edgesynth.boards.channel_multiples import Multiples
from edgesynth.errors import UserError
from edgesynth.evolution.budgets import CLUSTERS, MACS, PARAMS
from edgesynth.evolution.synthesis.shape.solver.problem import Amount, BranchChoice, GroupChoice, Problem, Term
from edgesynth.evolution.synthesis.shape.terms.auto_widths import auto_widths
from edgesynth.evolution.synthesis.shape.terms.candidates import by_worth, candidate_widths, unit_worths
from edgesynth.evolution.synthesis.shape.terms.counting import Within, clusters_terms, macs_terms, params_terms
from edgesynth.evolution.synthesis.shape.terms.lengths import Lengths
from edgesynth.evolution.synthesis.shape.terms.pricing import LayerCosts, priced_terms

COUNTED = (MACS.name, PARAMS.name, CLUSTERS.name)


def build_problem(
    anatomy: Anatomy,
    kept: Kept,
    viability: Mapping[str, Tensor],
    limits: Mapping[str, float],
    costs: Mapping[str, LayerCosts] | None = None,
    round_to: int | Multiples = 8,
    most_widths: int = 10,
    branches: bool = True,
    least_share: float = 0.0,
) -> Problem:
    """The problem of narrowing a network.

    Args:
        anatomy: of the ancestor.
        kept: what the parent has of it, as `Anatomy.plan` takes it; empty for the whole ancestor.
        viability: {removable group: (size,) logarithms of probabilities}, such as `Dna.clusters`, up to a constant. The
            worth of a unit is their exponential, scaled so that the strongest unit of the network is worth 1. So is the
            worth of a branch that is named here, in addition to that of its units; of others it is 0.
        limits: {budget: most that is allowed}: `macs`, `params`, `clusters`, and those of `costs`.
        costs: {budget: its tables of each layer}, such as `latency_ms`.
        round_to: widths are multiples of it, except 1 and the present width; or see `auto_widths`.
        most_widths: largest number of widths of a group.
        branches: whether branches may die.
        least_share: no group is narrower than this share of its present width.

    Raises:
        UserError: a budget is none of these, or a group has no viability.
    """
    costs = costs or {}
    _check(anatomy, viability, limits, costs)
    dead = anatomy.depth.dead(kept)
    gone = frozenset().union(*({*b.parameters} for b in anatomy.branches if b.name in dead))
    free = [b for b in anatomy.removable_branches if branches and b.name not in dead and not {*b.parameters} <= gone]
    without = {name for b in anatomy.branches if b.name in dead for name in (*b.inner, b.joined)}
    living = {
        group.name: list(kept.get(group.name, range(group.size)))
        for group in anatomy.removable
        if group.name not in without
    }
    worths = unit_worths(viability, {**living, **{b.name: [0] for b in free if b.name in viability}})
    orders = {name: by_worth(worths[name], units) for name, units in living.items()}
    least = {name: max(1, math.ceil(least_share * len(order))) for name, order in orders.items()}
    if isinstance(round_to, Multiples):
        tables = [costs[budget].table for budget in limits if budget in costs]
        counted = any(budget not in costs for budget in limits)
        widths = auto_widths(anatomy, orders, gone, round_to, tables, counted, most_widths, least)
    else:
        widths = {
            name: candidate_widths(len(order), round_to, most_widths, least[name]) for name, order in orders.items()
        }
    groups = {
        name: GroupChoice(widths[name], np.cumsum(worths[name][order].numpy())[widths[name] - 1])
        for name, order in orders.items()
    }
    choices = {branch.name: _choice(branch, free, groups, worths) for branch in free}
    around = {name: frozenset(b for b, choice in choices.items() if name in choice.inner) for name in groups}
    lengths = Lengths(anatomy, orders, widths, around)

    def within(parameter: str) -> tuple[str, ...] | None:
        first = anatomy.aliases.get(parameter, parameter)
        return None if first in gone else tuple(b.name for b in free if first in b.parameters)

    def terms(budget: str) -> list[Term]:
        if budget in costs:
            return priced_terms(anatomy, lengths, within, costs[budget])
        counted: dict[str, Callable[[Anatomy, Lengths, Within], list[Term]]] = {
            MACS.name: partial(macs_terms, products=_products(anatomy, dead, free)),
            PARAMS.name: params_terms,
            CLUSTERS.name: clusters_terms,
        }
        return counted[budget](anatomy, lengths, within)

    amounts = {
        budget: Amount(limit, tuple(terms(budget)), costs[budget].constant if budget in costs else 0.0)
        for budget, limit in limits.items()
    }
    return Problem(groups, choices, amounts)


def _choice(
    branch: Branch, free: list[Branch], groups: Mapping[str, GroupChoice], worths: Mapping[str, Tensor]
) -> BranchChoice:
    own = {*branch.inner, branch.joined}
    return BranchChoice(
        worth=float(worths[branch.name][0]) if branch.name in worths else 0.0,
        inner=tuple(name for name in groups if name in own),
        within=tuple(other.name for other in free if branch.steps < other.steps),
    )


def _products(anatomy: Anatomy, dead: frozenset[str], free: list[Branch]) -> dict[int, tuple[str, ...]]:
    """{place of a product of activations that is left: the branches that the product lies in}."""
    gone = {place for branch in anatomy.branches if branch.name in dead for place in branch.products}
    left = [place for place in range(len(anatomy.products)) if place not in gone]
    return {place: tuple(branch.name for branch in free if place in branch.products) for place in left}


def _check(
    anatomy: Anatomy, viability: Mapping[str, Tensor], limits: Mapping[str, float], costs: Mapping[str, LayerCosts]
) -> None:
    unknown = [name for name in limits if name not in (*COUNTED, *costs)]
    if unknown:
        known = ", ".join(dict.fromkeys((*COUNTED, *costs)))
        raise UserError(f"there is no table of {', '.join(unknown)}; the budgets that can be counted are {known}")
    missing = [group.name for group in anatomy.removable if group.name not in viability]
    if missing:
        raise UserError(f"{', '.join(missing)} has no viability; give one for each removable group")
