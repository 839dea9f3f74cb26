"""Regrowth: clusters that a draw has removed, and for which the budgets have room, come back.

A draw ends below its budgets by up to one cluster of the most expensive layer. In a small network that may be a tenth
of all that is left, and clusters of cheaper layers still fit. Only a draw that meets the budgets is filled up: in
earlier generations the cheap layers alone would be filled, and be what is left in the end. The papers do not say.
"""

from __future__ import annotations

from collections.abc import Callable

from edgesynth.evolution.synthesis.dead_units import remove_dead_units
from edgesynth.evolution.synthesis.dna import Dna
from edgesynth.evolution.synthesis.masks import kept_units, living
from edgesynth.evolution.synthesis.strength import Parent
from edgesynth.lineage import Genome

MOST = 64  # clusters that come back; each costs a census, and where more would fit, one is not much


def regrown(parent: Parent, dna: Dna, genome: Genome, fits: Callable[[Genome], bool]) -> Genome:
    """Bring clusters back, those of the highest viability first, until none fits any more or `MOST` have come.

    Args:
        parent: the one that is encoded; what it has lost does not come back.
        dna: its viabilities, of clusters.
        genome: of a draw of clusters alone; every synapse that the parent has between them is alive.
        fits: whether a genome meets the budgets.

    Returns:
        A genome that fits, with at least the clusters of the one given.
    """
    fallen = _fallen(parent, dna, genome)
    back = 0
    while fallen and back < MOST:
        group = max(fallen, key=lambda name: dna.clusters[name][fallen[name][-1]].item())
        tried = _with(parent, dna, genome, group, fallen[group].pop())
        if fits(tried):
            genome, back = tried, back + 1
        else:
            fallen[group].clear()  # the others cost as much
        fallen = {name: units for name, units in fallen.items() if units}
    return genome


def _fallen(parent: Parent, dna: Dna, genome: Genome) -> dict[str, list[int]]:
    """{group: units that the parent has and the offspring has not, the strongest last}."""
    fallen = {}
    for name, viability in dna.clusters.items():
        kept = set(genome.kept[name])
        gone = [unit for unit in parent.genome.kept[name] if unit not in kept and viability[unit].isfinite()]
        if gone:
            fallen[name] = sorted(gone, key=lambda unit: viability[unit].item())
    return fallen


def _with(parent: Parent, dna: Dna, genome: Genome, group: str, unit: int) -> Genome:
    """The genome with one unit more, and the parent's synapses to and from it."""
    clusters = living(parent.anatomy, genome)
    clusters[group][unit] = True
    synapses = {name: mask.clone() for name, mask in parent.alive.items()}
    remove_dead_units(parent.anatomy, clusters, synapses, dna.clusters)
    return Genome(kept_units(clusters, parent.anatomy, genome), synapses)
