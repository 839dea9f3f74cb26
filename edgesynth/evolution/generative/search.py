"""How the next generator comes from what was seen of the last one's networks: the inquisitor and its two controls.

All three make the same number of networks, at targets drawn in the same way, and inherit from the best.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from edgesynth.evolution.generative.generator import NOISE, Generated
from edgesynth.evolution.synthesis.masks import UnitValues

WORTH_RATE = 0.4  # eta: on ranks in [-1, 1]
SCORE_RATE = 1.0  # eta_2: on the REINFORCE term of each unit
GROUP_RATE = 1.0  # the same: on the mean of its group, which scatters less
TRUST = 0.5  # most that a logit moves in a cycle
ELITE = 0.25
ELITE_RATE = 0.7


@dataclass(frozen=True)
class Probe:
    """A generated network and what its short nurture came to.

    Attributes:
        generated: the network.
        rank: for comparisons with others of its cycle; see `Requirements.rank`.
    """

    generated: Generated
    rank: tuple[bool, float]


def reinforce(probes: list[Probe]) -> UnitValues:
    """Mean over the networks of advantage times d log p / d theta, in units of 1 / the noise's scale.

    The advantage is the network's place in the ranking, from -1 for the last to 1 for the best: an infeasible network
    teaches too, and its U need not be put beside that of a feasible one.
    """
    advantages = ranks(torch.tensor(_places([probe.rank for probe in probes]), dtype=torch.float64))
    pulls = []
    for probe, advantage in zip(probes, advantages, strict=True):
        generated = probe.generated
        pulls.append({name: advantage * (generated.alive[name].double() - p) for name, p in generated.survival.items()})
    return {name: torch.stack([pull[name] for pull in pulls]).mean(dim=0) for name in pulls[0]}


def inquired(logits: UnitValues, pull: UnitValues, worth: UnitValues, alive: UnitValues) -> UnitValues:
    """Delta theta = eta rank(worth) + eta_2 REINFORCE, at most 0.5 either way, on the logits of living units.

    Worth is ranked within a group, where units differ in nothing but their reactions. How much of each group is to live
    is learned from whole networks alone: the loss of one unit says little of it, because nurture heals wide groups.
    """
    moved = {}
    for name, mask in alive.items():
        step = SCORE_RATE * pull[name] + GROUP_RATE * pull[name][mask].mean()
        step[mask] += WORTH_RATE * ranks(worth[name][mask])
        moved[name] = logits[name] + step.clamp(-TRUST, TRUST) * mask
    return moved


def cross_entropy(logits: UnitValues, probes: list[Probe]) -> UnitValues:
    """Change towards the elite: the best quarter's frequencies as logits, smoothed (Rubinstein's method)."""
    # The best one is inherited from, so all that still lives is in it: of an elite of one nothing could be told apart.
    best = sorted(probes, key=lambda probe: probe.rank, reverse=True)[: max(2, round(ELITE * len(probes)))]
    change = {}
    for name, old in logits.items():
        lived = torch.stack([probe.generated.alive[name] for probe in best]).double().sum(dim=0)
        aim = NOISE * torch.logit((lived + 0.5) / (len(best) + 1))
        change[name] = ELITE_RATE * (aim - old)
    return change


def ranks(values: Tensor) -> Tensor:
    """(N,) places from -1 (lowest) to 1 (highest), evenly spaced; equals share the middle of their places."""
    if len(values) < 2:
        return torch.zeros(len(values), dtype=torch.float64)
    _, inverse, counts = values.unique(return_inverse=True, return_counts=True)
    middle = counts.cumsum(0).double() - (counts + 1) / 2
    return 2 * middle[inverse] / (len(values) - 1) - 1


def _places(all_ranks: list[tuple[bool, float]]) -> list[int]:
    """Each one's place in the ascending order; equals have the same."""
    distinct = sorted(set(all_ranks))
    return [distinct.index(rank) for rank in all_ranks]
