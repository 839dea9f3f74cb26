"""Every offspring's cut is proven before it is nurtured.

A few cuts prove, before a run, that a network can be cut anywhere. A forward that goes by widths may pass all of these
and fail the next. So the cut of each offspring is proven as it was drawn. Groups that break the proof keep one unit
more, by which two widths are no longer equal. If that breaks it too, they keep what the best parent has, which was
proven before. Only the offspring's record says so: an individual stays a function of its parents, its place and the
configuration, and its own offspring may be cut in these groups.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from edgesynth.anatomy import Anatomy
from edgesynth.evolution.synthesis.dead_units import silence
from edgesynth.evolution.synthesis.masks import kept_units, living
from edgesynth.evolution.synthesis.strength.parent import alive_synapses
from edgesynth.lineage import Genome, Species

FACT = "kept_by_proof"
UnitLists = dict[str, list[int]]


def proven(species: Species, genome: Genome, parent: Genome) -> tuple[Genome, dict[str, str]]:
    """A genome whose cut is proven.

    Args:
        species: the run's.
        genome: of an offspring, as it was drawn.
        parent: of its best parent.

    Returns:
        The genome itself, or one in which some groups keep more of what the parent has, and {such a group: why}.
    """
    if species.prover is None:
        return genome, {}
    prover, anatomy = species.prover, species.anatomy
    broken = prover.cut(anatomy, genome.kept, parent.kept)
    if not broken:
        return genome, {}
    more = _revived(anatomy, genome.kept, parent.kept, broken)
    more = {**more, **{name: _one_more(more[name], parent.kept[name]) for name in broken}}
    still = prover.cut(anatomy, more, parent.kept)
    more = _revived(anatomy, more, parent.kept, still)
    kept = {name: parent.kept[name] if name in still else units for name, units in more.items()}
    return _with_units(species, genome, parent, kept), {**still, **broken}


def _revived(anatomy: Anatomy, kept: UnitLists, before: UnitLists, broken: Iterable[str]) -> UnitLists:
    """The units kept, with all that the parent has in those of the broken branches that had died."""
    names = {
        name
        for branch in anatomy.removable_branches
        if branch.name in broken and not kept[branch.name]
        for name in (branch.name, *branch.inner, *filter(None, [branch.joined]))
    }
    return {name: before[name] if name in names else units for name, units in kept.items()}


def _one_more(kept: list[int], before: list[int]) -> list[int]:
    """The units kept and the first of those that fell, if any did."""
    fallen = sorted({*before} - {*kept})
    return sorted([*kept, *fallen[:1]])


def _with_units(species: Species, genome: Genome, parent: Genome, kept: dict[str, list[int]]) -> Genome:
    """The genome with these units, and of those that it had not the parent's living synapses to and from them."""
    anatomy = species.anatomy
    before, clusters = living(anatomy, genome), living(anatomy, replace(genome, kept=kept))
    synapses = {name: mask.clone() for name, mask in genome.synapses.items()}
    alive = alive_synapses(anatomy, parent)
    for name, mask in clusters.items():
        for member in anatomy.group(name).members:
            if member.parameter in synapses:
                back = member.lines(mask & ~before[name])
                own = alive[member.parameter].index_select(member.dim, back)
                synapses[member.parameter].index_copy_(member.dim, back, own)
    silence(anatomy, clusters, synapses)
    return replace(genome, kept=kept_units(clusters, anatomy, replace(genome, kept=kept)), synapses=synapses)


def words(name: str, broken: dict[str, str]) -> str:
    """What to tell of an offspring that keeps more than was drawn."""
    reasons = "; ".join(f"{group} ({why})" for group, why in broken.items())
    return f"{name} keeps more than was drawn, because cutting it breaks the proof of removal: {reasons}"
