"""Filling: clusters that fell, and that the budgets have room for, stay after all.

A draw ends below its budgets by up to a cluster of the dearest layer, which in a small network is a tenth of all that
it has left; clusters of cheaper layers still fit beside it. On the way to the budgets nothing is filled up: the cheap
layers would be what is left in the end. Ours: the papers have no budgets to fill.
"""

from __future__ import annotations

from collections.abc import Callable

from edgesynth.evolution.dna import Dna
from edgesynth.evolution.strength import Parent
from edgesynth.evolution.synthesis import genome_of_clusters
from edgesynth.lineage import Genome

MOST = 64  # clusters that come back; each costs a census, and where more would fit, one is not much


def filled(parent: Parent, dna: Dna, genome: Genome, fits: Callable[[Genome], bool]) -> Genome:
    """Bring clusters back, those of the highest viability first, until none fits any more or `MOST` have come.

    Args:
        parent: who is encoded; what it has lost does not come back.
        dna: its viabilities, of clusters.
        genome: of a draw of clusters alone; every synapse that the parent has between them is alive.
        fits: whether a genome meets the budgets.

    Returns:
        A genome that fits, with at least the clusters of the one given.
    """
    kept = {name: set(units) for name, units in genome.kept.items()}
    fallen = _fallen(parent, dna, kept)
    back = 0
    while fallen and back < MOST:
        group = max(fallen, key=lambda name: dna.clusters[name][fallen[name][-1]].item())
        tried = genome_of_clusters(parent, dna, {**kept, group: kept[group] | {fallen[group].pop()}})
        if fits(tried):
            genome, kept = tried, {name: set(units) for name, units in tried.kept.items()}
            back += 1
        else:
            fallen[group].clear()  # the others cost as much
        fallen = {name: units for name, units in fallen.items() if units}
    return genome


def _fallen(parent: Parent, dna: Dna, kept: dict[str, set[int]]) -> dict[str, list[int]]:
    """{group: units that the parent has and the offspring has not, the strongest last}."""
    found = {}
    for name, viability in dna.clusters.items():
        gone = [unit for unit in parent.genome.kept[name] if unit not in kept[name] and viability[unit].isfinite()]
        if gone:
            found[name] = sorted(gone, key=lambda unit: viability[unit].item())
    return found
