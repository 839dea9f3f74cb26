"""DNA: the probability model that a parent passes on.

P(H_g | H_{g-1}) is a product over clusters and their synapses (Deep Learning with Darwin, eq. 1-2; Evolution in Groups,
eq. 1), each factor the exponential of a viability.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from edgesynth.evolution.budgets import Budgets
from edgesynth.evolution.synthesis.allocation import Allocation, allocate
from edgesynth.evolution.synthesis.strength import Normalizer, Parent, build_strength

Encoding = Literal["synapse", "cluster"]


@dataclass(frozen=True)
class Dna:
    """Viabilities: logarithms of the probabilities that the environment has yet to multiply.

    Attributes:
        clusters: {cluster group: (size,)}; empty in the synapse encoding, where a cluster dies with its synapses.
        synapses: {weight: tensor of the ancestor's shape}; empty where none will be drawn.
        branches: {branch: (1,)}; empty where none can die.
    """

    clusters: dict[str, Tensor]
    synapses: dict[str, Tensor]
    branches: dict[str, Tensor] = field(default_factory=dict)


def encode(
    parent: Parent,
    encoding: Encoding,
    strength: str,
    normalizer: Normalizer = "max",
    allocation: Allocation = "strength",
    synapses: bool = True,
) -> Dna:
    """Encode a parent, synapse by synapse or by clusters and the synapses within.

    Args:
        parent: the one to encode.
        encoding: what the DNA speaks of.
        strength: one of `STRENGTHS`, or `package.module:Class`.
        normalizer: see `MagnitudeStrength`.
        allocation: what a cluster's probability will be divided by, so that the strength itself must not; see `priced`.
        synapses: whether any will be drawn; measuring what they are worth takes as long as for clusters.
    """
    model = build_strength(strength, normalizer, costs_elsewhere=allocation != "strength")
    # A branch is a cluster of the layers that end it: whatever measures groups measures it on the same scale.
    whole = replace(parent, anatomy=parent.anatomy.with_branches_as_groups())
    clusters = model.clusters(whole) if encoding == "cluster" else {}
    names = {branch.name for branch in parent.anatomy.removable_branches}
    return Dna(
        {name: viability for name, viability in clusters.items() if name not in names},
        model.synapses(parent) if synapses else {},
        {name: viability for name, viability in clusters.items() if name in names},
    )


def priced(dna: Dna, parent: Parent, allocation: Allocation, unmet: Mapping[str, float], budgets: Budgets) -> Dna:
    """The DNA with every cluster's probability divided by what the cluster costs in this parent; see `allocate`."""
    return replace(dna, clusters=allocate(parent, dna.clusters, allocation, unmet, budgets))


def favored(dna: Dna, variation: float, generator: torch.Generator) -> tuple[Dna, dict[str, float]]:
    """The DNA in an environment of its own, which favors some layers over others.

    The papers give all siblings the same environment, so that they differ by the luck of their clusters alone and come
    out in nearly the same shape. This form is ours: each cluster group (each layer, where the DNA speaks of synapses
    alone) has all its probabilities multiplied by one factor, drawn anew for every sibling.

    Args:
        dna: of the parents.
        variation: standard deviation of the factors' logarithms; 0 favors none.
        generator: source of the factors.

    Returns:
        The DNA and {group or layer: logarithm of its factor}.
    """
    if not variation:
        return dna, {}
    levels = {**dna.clusters, **dna.branches} or dna.synapses
    drawn = variation * torch.randn(len(levels), dtype=torch.float64, generator=generator)
    favors = dict(zip(levels, drawn.tolist(), strict=True))
    shifted = {name: viability + favors[name] for name, viability in levels.items()}
    if not dna.clusters:
        return replace(dna, synapses=shifted), favors
    clusters, branches = ({name: shifted[name] for name in each} for each in (dna.clusters, dna.branches))
    return replace(dna, clusters=clusters, branches=branches), favors
