"""Draw a genome of a shape: the shape says how many clusters each group keeps, the DNA which ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from edgesynth.evolution.synthesis.dead_units import remove_dead_units, silence
from edgesynth.evolution.synthesis.dna import Dna
from edgesynth.evolution.synthesis.environment import Environment
from edgesynth.evolution.synthesis.masks import clear_gone, kept_units, living, without_dead_branches
from edgesynth.evolution.synthesis.strength import Parent
from edgesynth.lineage import Genome


def draw_of_shape(
    parent: Parent,
    dna: Dna,
    environment: Environment,
    widths: Mapping[str, int],
    dead: frozenset[str],
    generator: torch.Generator,
) -> tuple[Genome, dict[str, Any]]:
    """Draw which clusters live in each group.

    Args:
        parent: the individual that is encoded; clusters only die.
        dna: viabilities of its clusters.
        environment: draws the survivors of each group.
        widths: {group: units that it keeps}; a group that is not named stays as it is.
        dead: branches that die.
        generator: source of the draws.

    Returns:
        The genome and what happened: clusters expected, drawn and swept, and the branches that died.
    """
    anatomy = parent.anatomy
    before = living(anatomy, parent.genome)
    clusters = {name: mask.clone() for name, mask in before.items()}
    synapses = {name: mask.clone() for name, mask in parent.alive.items()}
    for name, width in widths.items():
        if width < int(before[name].sum()):
            clusters[name] = _drawn(name, width, dna, before, environment, generator)
    kept = kept_units(clusters, anatomy, parent.genome)
    kept.update({name: [] for name in dead})
    kept = without_dead_branches(anatomy, kept)
    for name, mask in clusters.items():
        mask.fill_(False)
        mask[kept[name]] = True
    clear_gone(anatomy, kept, synapses)
    silence(anatomy, clusters, synapses)
    facts: dict[str, Any] = {"expected_clusters": sum(widths.values()), "expected_synapses": None}
    facts["drawn_clusters"] = sum(int(mask.sum()) for mask in clusters.values())
    facts["drawn_synapses"] = sum(int(mask.sum()) for mask in synapses.values())
    facts["swept_clusters"] = remove_dead_units(anatomy, clusters, synapses, dna.clusters)
    if dead:
        facts["dead_branches"] = sorted(dead)
    left = Genome(
        {**kept, **{name: torch.nonzero(mask).flatten().tolist() for name, mask in clusters.items()}}, synapses
    )
    return left, facts


def _drawn(
    name: str,
    width: int,
    dna: Dna,
    before: Mapping[str, Tensor],
    environment: Environment,
    generator: torch.Generator,
) -> Tensor:
    """(size,) the survivors of one group: exactly `width` of its units; if any, the strongest is one of them.

    If the DNA lets fewer units survive, the first of the other living units are added.
    """
    alive = before[name]
    if width == 0:
        return torch.zeros_like(alive)
    drawn = environment.draw({name: dna.clusters[name]}, {name: alive}, float(width), generator, {name: 1})[name]
    missing = width - int(drawn.sum())
    if missing > 0:
        drawn[torch.nonzero(alive & ~drawn).flatten()[:missing]] = True
    return drawn
