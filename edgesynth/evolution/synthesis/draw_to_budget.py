"""Draw to a budget: the last generation keeps as much as the budgets allow, and every generation comes nearer to them.

How many MACs, parameters or bytes a draw leaves depends on which clusters die, and on which units are dead without
them. So does the latency that is predicted for a board. It cannot be solved for: the draw is repeated from the same
source of randomness with another ration, and the counts of the genomes are compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from edgesynth.anatomy import Census
from edgesynth.evolution.budgets import BUDGETS, CLUSTERS, SYNAPSES, Budgets, budget_schedule
from edgesynth.evolution.synthesis.dna import Dna
from edgesynth.evolution.synthesis.environment import World
from edgesynth.evolution.synthesis.regrow import regrown
from edgesynth.evolution.synthesis.strength import Parent
from edgesynth.evolution.synthesis.synthesis import Ration, served, synthesize
from edgesynth.lineage import Genome

TRIALS = 12
CLOSE = 0.99  # share of a budget that is near enough to it


@dataclass(frozen=True)
class Draw:
    """One draw of an offspring.

    Attributes:
        genome: what lives.
        facts: what happened; see `synthesize`.
        census: counts of the genome.
        budgets: of the run.
    """

    genome: Genome
    facts: dict[str, Any]
    census: Census
    budgets: Budgets

    def meets(self, limits: Mapping[str, float]) -> bool:
        """Whether everything that is budgeted is at most its budget."""
        return self.budgets.meets(self.census, limits)

    def nearness(self, limits: Mapping[str, float]) -> float:
        """Share that is used of the budget of which most is used."""
        return max(self.budgets.amount(self.census, name) / most for name, most in limits.items())


def draw_to_budget(
    parent: Parent,
    dna: Dna,
    world: World,
    budgets: Budgets,
    fed: Ration,
    census: Census,
    generator: torch.Generator,
) -> tuple[Genome, dict[str, Any]]:
    """Draw the genome of one offspring by the generation's ration, eased or tightened where a budget asks for it.

    A draw that falls below budgets of MACs, parameters, bytes, latency or energy, or of synapses alone, is repeated
    with more, up to all that the parent has, until it stands just below the first of them. A draw of clusters that
    leaves any unmet budget where it was is repeated with less. In the end clusters alone are filled up to the
    budgets. The faithful environment draws as it draws, whatever the ration.

    Args:
        parent: the one that is encoded.
        dna: its viabilities.
        world: the environments.
        budgets: of the run.
        fed: the generation's ration.
        census: the parent's.
        generator: source of the draws; every trial starts from its present state.

    Returns:
        The genome and what happened, as `synthesize`.
    """
    start = generator.get_state()

    def draw(fed: Ration) -> Draw:
        genome, facts = synthesize(parent, dna, world, fed, generator.set_state(start))
        return Draw(genome, facts, genome.census(parent.anatomy), budgets)

    unmet = budgets.unmet(census)
    goals = _step(budgets, fed, dna, census, unmet)
    if goals and (stepped := _nearest(lambda share: draw(Ration(share * census.clusters, fed.synapses)), goals)):
        genome, facts = _regrown(stepped, parent, dna, fed, unmet)
        return genome, {**facts, "goals": goals}
    drawn = draw(fed)
    if not unmet or budgets.config.environment == "faithful":
        return drawn.genome, drawn.facts
    drawn = _aimed(draw, fed, drawn, unmet)
    # Where no clusters are drawn, MACs stand still until synapses are few: that is no reason to take more at once.
    # A latency may stand still for a while as well, since hardware computes in tiles: there, clusters have to go.
    shrinking = [name if BUDGETS[name].falls_with_each_cluster else CLUSTERS.name for name in unmet]
    shrunk = {name: budgets.amount(census, name) - 1 for name in shrinking if dna.clusters or name == SYNAPSES.name}
    if not drawn.meets(shrunk):
        drawn = _nearest(lambda share: draw(_times(fed, share)), shrunk) or drawn
    elif eased := _eased(budgets, fed, dna, census, drawn, unmet):
        full, goals = eased
        drawn = _nearest(lambda share: draw(_between(fed, full, share)), goals, at_least=drawn) or drawn
    return _regrown(drawn, parent, dna, fed, unmet)


def _aimed(draw: Callable[[Ration], Draw], fed: Ration, drawn: Draw, unmet: Mapping[str, float]) -> Draw:
    """The draw, or one of fewer clusters where it was to meet their budget and missed it.

    Units that several layers write are as many clusters, and fall all at once.
    """
    most, clusters = unmet.get(CLUSTERS.name), fed.clusters
    if most is None or clusters is None or clusters > most or drawn.meets({CLUSTERS.name: most}):
        return drawn
    return _nearest(lambda share: draw(Ration(share * clusters, fed.synapses)), {CLUSTERS.name: most}) or drawn


def _step(budgets: Budgets, fed: Ration, dna: Dna, census: Census, unmet: Mapping[str, float]) -> dict[str, float]:
    """{budget: most that this generation may have of it}, where clusters are allocated by budgets; else empty.

    All amounts fall geometrically, in equal steps, and reach their budgets in the same generation. The amount that is
    farthest from its budget falls to the generation's share of clusters at most, the others by the same share of their
    log-distances. So siblings are of one size, and the most accurate of them is not just the largest.
    """
    names = set(served(budgets, CLUSTERS)) - {CLUSTERS.name}
    goals = {name: most for name, most in unmet.items() if name in names}
    amounts = {name: budgets.amount(census, name) for name in goals}
    untold = not goals or math.inf in amounts.values()
    if budgets.config.allocation != "budgets" or untold or not dna.clusters or fed.clusters is None:
        return {}
    return budget_schedule.next_stage(amounts, goals, keep=fed.clusters / census.clusters)


def _eased(
    budgets: Budgets, fed: Ration, dna: Dna, census: Census, drawn: Draw, unmet: dict[str, float]
) -> tuple[Ration, dict[str, float]] | None:
    """The ration without this generation's step in the levels that may be eased, and the budgets that they must meet.

    A level may be eased when the draw has met all budgets that it serves; its own budget is aimed at already. Synapses
    that are budgeted alone also go with their clusters: where these take more than was asked for, clusters are eased.
    """
    if unmet.keys() == {SYNAPSES.name} and dna.clusters and fed.clusters is not None:
        short = drawn.meets(unmet) and drawn.nearness(unmet) < CLOSE
        return (Ration(float(census.clusters), fed.synapses), unmet) if short else None
    by_clusters = served(budgets, CLUSTERS) if dna.clusters else ()
    clusters = {name: most for name, most in unmet.items() if name in by_clusters}
    synapses = {name: most for name, most in unmet.items() if name in served(budgets, SYNAPSES)}
    full, goals = fed, dict[str, float]()
    if fed.clusters is not None and clusters.keys() - {CLUSTERS.name} and drawn.meets(clusters):
        full, goals = Ration(float(census.clusters), full.synapses), {**goals, **clusters}
    if fed.synapses is not None and synapses.keys() - {SYNAPSES.name} and drawn.meets(synapses):
        full, goals = Ration(full.clusters, float(census.synapses)), {**goals, **synapses}
    return (full, goals) if goals else None


def _regrown(
    drawn: Draw, parent: Parent, dna: Dna, fed: Ration, limits: Mapping[str, float]
) -> tuple[Genome, dict[str, Any]]:
    """A draw that meets the budgets, with what they still have room for; where synapses are drawn too, as it is."""
    alone = dna.clusters and fed.clusters is not None and fed.synapses is None
    if not alone or not drawn.meets(limits) or drawn.nearness(limits) >= CLOSE:
        return drawn.genome, drawn.facts
    genome = regrown(
        parent, dna, drawn.genome, lambda candidate: drawn.budgets.meets(candidate.census(parent.anatomy), limits)
    )
    back = sum(map(len, genome.kept.values())) - sum(map(len, drawn.genome.kept.values()))
    return genome, {**drawn.facts, "filled_clusters": back}


def _nearest(draw: Callable[[float], Draw], limits: Mapping[str, float], at_least: Draw | None = None) -> Draw | None:
    """By bisection on the share of a ration, in [0, 1], the draw that meets the budgets and uses most of them.

    Returns:
        None if no draw that was tried meets them.
    """
    best, low, high = at_least, 0.0, 1.0
    share = high
    for _ in range(TRIALS):
        tried = draw(share)
        if tried.meets(limits):
            low = share
            if best is None or tried.nearness(limits) > best.nearness(limits):
                best = tried
            if share == 1.0 or tried.nearness(limits) >= CLOSE:
                break
        else:
            high = share
        share = (low + high) / 2
    return best


def _times(fed: Ration, share: float) -> Ration:
    return Ration(*(None if level is None else share * level for level in (fed.clusters, fed.synapses)))


def _between(fed: Ration, full: Ration, share: float) -> Ration:
    def level(stepped: float | None, full_level: float | None) -> float | None:
        return None if stepped is None or full_level is None else stepped + share * (full_level - stepped)

    return Ration(level(fed.clusters, full.clusters), level(fed.synapses, full.synapses))
