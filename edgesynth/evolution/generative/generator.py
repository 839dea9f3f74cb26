"""Generator G(s; theta): a seed in, a network out.

theta is a logit for each unit of every group that can be cut. Logistic noise from the seed is added, some of it each
unit's own and some its group's, and the highest survive: the threshold is lowered for as long as the network stays
within the target that the same seed has drawn.
Synapses that died in the parent stay dead, and a cluster that nothing feeds or reads any more dies with them.
Deterministic for a seed, and another network for another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from edgesynth.anatomy import Anatomy
from edgesynth.evolution.generative.descent import Descent
from edgesynth.evolution.synthesis.dead_units import remove_dead_units
from edgesynth.evolution.synthesis.masks import UnitValues, kept_units, living
from edgesynth.evolution.synthesis.strength.parent import alive_synapses
from edgesynth.lineage import Genome

NOISE = 0.25  # scale of the logistic noise of each unit, in logits
GROUP_NOISE = 0.25  # of that which all units of a group share: without it all networks would have much the same shape


@dataclass(frozen=True)
class Generated:
    """A network that a generator made.

    Attributes:
        genome: its living clusters, and those of the parent's living synapses that are between them.
        pressure: the one that its seed drew.
        alive: {group: (size,) bool}: the same clusters as masks.
        survival: {group: (size,) probability to live at this threshold, without the group's noise, which the score
            judges; 0 where the parent is dead already}.
    """

    genome: Genome
    pressure: float
    alive: UnitValues
    survival: UnitValues


class Generator:
    """Makes networks from what lives in a parent.

    Args:
        anatomy: the ancestor's.
        logits: theta, {group: (size,) float64}.
    """

    def __init__(self, anatomy: Anatomy, logits: UnitValues) -> None:
        self.anatomy = anatomy
        self.logits = logits

    def __call__(
        self, parent: Genome, descent: Descent, bounds: tuple[float, float], seed: torch.Generator
    ) -> Generated:
        """One network.

        Args:
            parent: whose living units are to choose from; the dead stay dead.
            descent: turns pressure into most that is allowed of each amount.
            bounds: lowest and highest pressure.
            seed: s, the source of pressure and noise.
        """
        low, high = bounds
        pressure = low + (high - low) * torch.rand((), dtype=torch.float64, generator=seed).item()
        parent = passed_on(self.anatomy, parent, living(self.anatomy, parent), self.logits)
        alive = living(self.anatomy, parent)
        noisy = {}
        for name, mask in alive.items():
            noise = torch.rand(len(mask) + 1, dtype=torch.float64, generator=seed).clamp(1e-9, 1 - 1e-9).logit()
            shared = GROUP_NOISE * noise[-1]
            noisy[name] = (self.logits[name] + NOISE * noise[:-1] + shared).masked_fill(~mask, -torch.inf)
        limits = descent.at(pressure)

        def made(units: UnitValues) -> Genome:
            return passed_on(self.anatomy, parent, units, noisy)

        threshold = self._threshold(
            noisy, lambda units: descent.budgets.meets(made(units).census(self.anatomy), limits)
        )
        genome = made(_above(noisy, threshold))
        survival = {
            name: torch.sigmoid((self.logits[name] - threshold) / NOISE).masked_fill(~mask, 0.0)
            for name, mask in alive.items()
        }
        return Generated(genome, pressure, living(self.anatomy, genome), survival)

    def _threshold(self, noisy: UnitValues, keeps: Callable[[UnitValues], bool]) -> float:
        """The lowest threshold at which every limit is kept, by bisection over the units in their order.

        With one unit in each group the limits are kept, or nothing can be done: that network is the smallest there is.

        Args:
            noisy: by which the highest live.
            keeps: whether the network with these units keeps every limit.
        """
        order = torch.cat(list(noisy.values()))
        order = order[order > -torch.inf].sort(descending=True).values
        within, beyond = 0, len(order) + 1  # the first so many are kept; `beyond` is too many
        while beyond - within > 1:
            middle = (within + beyond) // 2
            if keeps(_above(noisy, order[middle - 1].item())):
                within = middle
            else:
                beyond = middle
        lowest = order[within - 1].item() if within else order[0].item() + 1
        below = order[within].item() if within < len(order) else lowest - 1
        return (lowest + below) / 2


def passed_on(anatomy: Anatomy, parent: Genome, alive: UnitValues, viability: UnitValues) -> Genome:
    """What a parent passes on to an offspring with some of its clusters.

    Args:
        anatomy: the ancestor's.
        parent: who passes on.
        alive: {group that can be cut: (size,) bool}, none of them dead in the parent.
        viability: {group: (size,)}; see `remove_dead_units`.

    Returns:
        Those clusters and the parent's living synapses between them, less the clusters that nothing feeds or reads.
    """
    if not parent.synapses:
        return Genome(kept_units(alive, anatomy, parent))
    clusters = dict(alive)
    synapses = {name: mask.clone() for name, mask in alive_synapses(anatomy, parent).items()}
    remove_dead_units(anatomy, clusters, synapses, viability)
    return Genome(kept_units(clusters, anatomy, parent), {name: synapses[name] for name in parent.synapses})


def _above(noisy: UnitValues, threshold: float) -> UnitValues:
    """The units at or above a threshold; of every group at least the strongest."""
    return {name: (values >= threshold) | (values == values.max()) for name, values in noisy.items()}
