"""Synthesis: draw an offspring's genome from DNA x environment, then remove its dead units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from edgesynth.anatomy import Census, sum_over_clusters
from edgesynth.evolution.budgets import BUDGETS, CLUSTERS, SYNAPSES, Budgets, CountedBudget
from edgesynth.evolution.budgets.unit_costs import clusters_of_units
from edgesynth.evolution.synthesis.dead_units import remove_dead_units, silence, strongest
from edgesynth.evolution.synthesis.dna import Dna
from edgesynth.evolution.synthesis.environment import World
from edgesynth.evolution.synthesis.masks import kept_units, living
from edgesynth.evolution.synthesis.strength import Parent
from edgesynth.lineage import Genome

LARGEST_STEP = 1.5


@dataclass(frozen=True)
class Ration:
    """How many clusters and synapses this generation can feed.

    Attributes:
        clusters: clusters in all, those of protected layers included; None feeds all that the parent has.
        synapses: the same for synapses.
    """

    clusters: float | None
    synapses: float | None


def ration(budgets: Budgets, parent: Census) -> Ration:
    """What a generation keeps of its parent: a share of each level, until the budgets that this level serves are met.

    Clusters serve every budget but that of synapses; synapses serve their own and that of bytes, and where no clusters
    are drawn, every one. A share of 1 leaves its level undrawn, in the faithful environment too.
    """
    config = budgets.config
    return Ration(
        _level(budgets, parent, CLUSTERS, config.share_of_clusters), _level(budgets, parent, SYNAPSES, config.keep)
    )


def served(budgets: Budgets, level: CountedBudget) -> tuple[str, ...]:
    """Names of the run's budgets that the draw of a level serves.

    Args:
        budgets: of the run.
        level: what is drawn, by the budget that counts it: clusters or synapses.
    """
    every = level is SYNAPSES and budgets.config.encoding != "cluster"
    return tuple(name for name in budgets.limits if every or level.name in BUDGETS[name].levels)


def _level(budgets: Budgets, parent: Census, level: CountedBudget, keep: float) -> float | None:
    names = served(budgets, level)
    unmet = [name for name in budgets.unmet(parent) if name in names]
    if keep == 1 or (names and not unmet):
        return None
    share = keep * budgets.amount(parent, level.name)
    # A budget of this very level is aimed at, not undershot, unless another budget of the level asks for more.
    return max(share, budgets.limits[level.name]) if unmet == [level.name] else share


def synthesize(
    parent: Parent, dna: Dna, world: World, fed: Ration, generator: torch.Generator
) -> tuple[Genome, dict[str, Any]]:
    """Draw the genome of one offspring.

    Returns:
        The genome and what happened: clusters and synapses expected (protected ones included; None where a level is
        not drawn), drawn and swept.
    """
    anatomy = parent.anatomy
    before = living(anatomy, parent.genome)
    clusters = {name: mask.clone() for name, mask in before.items()}
    synapses = {name: mask.clone() for name, mask in parent.alive.items()}
    viability = _viability(parent, dna)
    facts: dict[str, Any] = {"expected_clusters": None, "expected_synapses": None}

    if dna.clusters and fed.clusters is not None:
        counts = clusters_of_units(anatomy, parent.genome.kept)
        coupled = sum(counts[name][mask].sum().item() for name, mask in before.items())
        protected = max(parent.genome.census(anatomy).clusters - coupled, 0)
        expected = max(fed.clusters - protected, 0)
        facts["expected_clusters"] = protected + world.clusters.expects(dna.clusters, before, expected, counts)
        least = _least(before, expected / coupled)
        clusters = world.clusters.draw(dna.clusters, before, expected, generator, least, counts)
        for name, mask in clusters.items():
            mask[strongest(viability[name], before[name])] |= before[name].any() & ~mask.any()
        silence(anatomy, clusters, synapses)
    facts["drawn_clusters"] = sum(int(mask.sum()) for mask in clusters.values())

    if fed.synapses is not None:
        facts["expected_synapses"] = world.synapses.expects(dna.synapses, synapses, fed.synapses)
        synapses = world.synapses.draw(dna.synapses, synapses, fed.synapses, generator)
    facts["drawn_synapses"] = sum(int(mask.sum()) for mask in synapses.values())
    facts["swept_clusters"] = remove_dead_units(anatomy, clusters, synapses, viability)
    return Genome(kept_units(clusters, anatomy, parent.genome), synapses), facts


def _least(alive: dict[str, Tensor], share: float) -> dict[str, int]:
    """{group: units it keeps in any case}: no layer gives in one generation what the network gives in one and a half.

    Strength is measured while all others live, so a layer that looks spare may not be once its neighbors are thinned.
    """
    kept = min(1.0, share) ** LARGEST_STEP
    return {name: max(1, math.floor(int(mask.sum()) * kept)) for name, mask in alive.items()}


def _viability(parent: Parent, dna: Dna) -> dict[str, Tensor]:
    """{group: (size,)} of the DNA; without a cluster encoding, the weight of each unit."""
    weights = {name: weight.abs() for name, weight in parent.weights.items()}
    return {
        group.name: dna.clusters[group.name] if group.name in dna.clusters else sum_over_clusters(group, weights)
        for group in parent.anatomy.removable
    }
