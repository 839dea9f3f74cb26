"""Choose a shape that meets the budgets of a generation, and draw a genome of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from edgesynth.anatomy import Census
from edgesynth.boards.channel_multiples import Multiples
from edgesynth.evolution.budgets import CLUSTERS, PARAMS, SPARSE_BYTES, SYNAPSES, Budgets, budget_schedule
from edgesynth.evolution.synthesis.dead_units import remove_dead_units
from edgesynth.evolution.synthesis.dna import Dna
from edgesynth.evolution.synthesis.environment import World
from edgesynth.evolution.synthesis.masks import kept_units, living
from edgesynth.evolution.synthesis.shape.drawing import draw_of_shape
from edgesynth.evolution.synthesis.shape.solver.problem import Problem
from edgesynth.evolution.synthesis.shape.solver.shape import Shape
from edgesynth.evolution.synthesis.shape.solver.solving import solve
from edgesynth.evolution.synthesis.shape.solver.unreachable import UnreachableError
from edgesynth.evolution.synthesis.shape.terms.building import build_problem
from edgesynth.evolution.synthesis.shape.terms.costs import layer_costs
from edgesynth.evolution.synthesis.shape.terms.pricing import LayerCosts
from edgesynth.evolution.synthesis.strength import Parent
from edgesynth.evolution.synthesis.synthesis import LARGEST_STEP, Ration, served
from edgesynth.lineage import Genome

ATTEMPTS = 4  # amounts by tables and by census differ where other kernels shrink too
MARGIN = 0.999
WORTH_ANOTHER = 1.01  # times as much of a budget, for which another shape is looked for
BYTES = 4  # of a parameter


def draw_shape_to_budget(
    parent: Parent,
    dna: Dna,
    world: World,
    budgets: Budgets,
    fed: Ration,
    census: Census,
    generator: torch.Generator,
) -> tuple[Genome, dict[str, Any]]:
    """Choose how many clusters each group keeps and which branches live, then draw which clusters these are.

    The shape keeps as much of the DNA's probability as the budgets of this generation allow together. These approach
    the budgets of the run by equal steps. Where no shape makes such a step, the generation gives up its share of
    clusters instead: costs are those at the parent's size, or corrected by what was measured of it, so that later
    generations may meet what seems out of reach. Synapses are drawn too if they have a budget.

    Args:
        parent: the individual that is encoded.
        dna: its viabilities.
        world: the environments.
        budgets: of the run.
        fed: the generation's ration: its share of clusters says how far the amounts fall.
        census: the parent's.
        generator: source of the draws.

    Returns:
        The genome and what happened; see `draw_of_shape`.

    Raises:
        UserError: the limits of nodes did not suffice to tell the narrowest shape.
    """
    goals = generation_goals(budgets, fed, census)
    costs, start = layer_costs(budgets, parent, goals), generator.get_state()
    choose = partial(_shape, parent, dna, costs, _least_share(fed, census), rounding(budgets))
    goals, shape = _within_reach(choose, goals, {name: budgets.amount(census, name) for name in goals}, fed)
    limits, fitting = dict(goals), None
    for _ in range(ATTEMPTS):
        dead = frozenset(name for name, lives in shape.lives.items() if not lives)
        generator.set_state(start)
        drawn = draw_of_shape(parent, dna, world.clusters, shape.widths, dead, generator)
        census = drawn[0].census(parent.anatomy)
        amounts = {name: budgets.amount(census, name) for name in goals}
        fits = all(amounts[name] <= most for name, most in goals.items())
        if fits and (fitting is None or shape.worth > fitting[0]):
            fitting = shape.worth, drawn
        nearer = limits_to_meet(goals, amounts, shape)
        if fits and all(most <= limits[name] * WORTH_ANOTHER for name, most in nearer.items()):
            break
        limits = nearer
        try:
            shape = choose(limits)
        except UnreachableError:
            break  # what is a little too large is as small as can be
    genome, facts = drawn if fitting is None else fitting[1]
    if served(budgets, SYNAPSES) and fed.synapses is not None:
        genome, facts = _with_fewer_synapses(parent, dna, world, fed.synapses, genome, facts, generator)
    return genome, {**facts, "goals": goals}


def limits_to_meet(goals: Mapping[str, float], amounts: Mapping[str, float], shape: Shape) -> dict[str, float]:
    """Limits of the tables by which such a shape would just meet the goals: amounts by tables and by census differ."""
    limits = {}
    for name, most in goals.items():
        told, drawn = shape.amounts.get(name, 0.0), amounts[name]
        limits[name] = most * MARGIN * (told / drawn if told > 0 and 0 < drawn < math.inf else 1.0)
    return limits


def _within_reach(
    choose: Callable[[Mapping[str, float]], Shape],
    goals: Mapping[str, float],
    amounts: Mapping[str, float],
    fed: Ration,
) -> tuple[dict[str, float], Shape]:
    """The goals and their shape; where there is none, the ration of clusters and its; else the fewest clusters."""
    try:
        return dict(goals), choose(goals)
    except UnreachableError as error:
        refusal = error
    if fed.clusters is None:
        raise refusal
    fewer = {name: most for name, most in goals.items() if amounts[name] <= most}
    fewer[CLUSTERS.name] = min(fed.clusters, fewer.get(CLUSTERS.name, fed.clusters))
    try:
        return fewer, choose(fewer)
    except UnreachableError as error:
        fewest = {CLUSTERS.name: error.least[CLUSTERS.name]}
    return fewest, choose(fewest)


def _shape(
    parent: Parent,
    dna: Dna,
    costs: Mapping[str, LayerCosts],
    least_share: float,
    round_to: int | Multiples,
    limits: Mapping[str, float],
) -> Shape:
    """The shape that keeps most; narrower than the share allows only if no other meets the limits.

    Raises:
        UnreachableError: none meets them; its least amounts are those that the share allows.
    """

    def problem(least_share: float) -> Problem:
        return build_problem(
            parent.anatomy,
            parent.genome.kept,
            {**dna.clusters, **dna.branches},
            _as_tables(limits),
            costs,
            round_to=round_to,
            least_share=least_share,
        )

    try:
        return solve(problem(least_share))
    except UnreachableError as error:
        try:
            return solve(problem(0.0))
        except UnreachableError:
            raise error from None


def rounding(budgets: Budgets) -> int | Multiples:
    """What widths are multiples of: as given, or what the machine's engine likes."""
    round_to = budgets.config.round_to
    return round_to if isinstance(round_to, int) else budgets.machine.multiples


def generation_goals(budgets: Budgets, fed: Ration, census: Census) -> dict[str, float]:
    """{budget: its limit in this generation}; for an unmet budget, between the parent's amount and the run's limit.

    The amounts of all unmet budgets fall geometrically, in equal steps, and reach the run's limits together. A budget
    that is met stays met.
    """
    names = served(budgets, CLUSTERS)
    amounts = {name: budgets.amount(census, name) for name in names}
    unmet = {name: most for name, most in budgets.unmet(census).items() if name in names}
    met = {name: budgets.limits[name] for name in names if name not in unmet}
    known = {name: most for name, most in unmet.items() if math.isfinite(amounts[name])}
    if not known:
        return met
    share = 1.0 if fed.clusters is None else fed.clusters / census.clusters
    if share >= 1:
        return {**met, **budget_schedule.stage(amounts, known, 1.0)}
    return {**met, **budget_schedule.next_stage(amounts, known, keep=share)}


def _least_share(fed: Ration, census: Census) -> float:
    """The least share of its width that a group keeps, the same as in `synthesize`."""
    return 0.0 if fed.clusters is None else min(1.0, fed.clusters / census.clusters) ** LARGEST_STEP


def _as_tables(limits: Mapping[str, float]) -> dict[str, float]:
    """The limits under the names of the problem; a limit of bytes becomes one of dense parameters."""
    counted = dict(limits)
    if SPARSE_BYTES.name in counted:
        most = counted.pop(SPARSE_BYTES.name) / BYTES
        counted[PARAMS.name] = min(most, counted.get(PARAMS.name, most))
    return counted


def _with_fewer_synapses(
    parent: Parent,
    dna: Dna,
    world: World,
    expected: float,
    genome: Genome,
    facts: dict[str, Any],
    generator: torch.Generator,
) -> tuple[Genome, dict[str, Any]]:
    """The genome after a draw of its synapses, and what happened in both draws."""
    anatomy, alive = parent.anatomy, genome.synapses
    facts = {**facts, "expected_synapses": world.synapses.expects(dna.synapses, alive, expected)}
    synapses = world.synapses.draw(dna.synapses, alive, expected, generator)
    clusters = living(anatomy, genome)
    facts["drawn_synapses"] = sum(int(mask.sum()) for mask in synapses.values())
    facts["swept_clusters"] += remove_dead_units(anatomy, clusters, synapses, dna.clusters)
    return Genome(kept_units(clusters, anatomy, genome), synapses), facts
