"""Inquisitor I(G; theta_I): learns from reactions what a unit is worth to U.

A linear model of the dB that U's accuracy part gives up when units go, fitted in closed form (ridge regression) to two
kinds of evidence: single ablations, and generated networks after their short nurture, each with the sum over all units
that it lost. U's cost part needs no learning, because the census knows it: cost is told as one feature among others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from edgesynth.anatomy import Anatomy, Census
from edgesynth.evolution.generative.reactions import Reactions
from edgesynth.evolution.synthesis.masks import UnitValues
from edgesynth.lineage import Genome

SCHEMA = 1
RIDGE = 0.01
MOST_ROWS = 1024
KINDS = ("ablation", "network")
REACTIONS = ("taylor", "taylor in group", "variance in group", "norm in group", "divergence in group", "cost")


@dataclass(frozen=True)
class Row:
    """One piece of evidence.

    Attributes:
        features: (features,) of what was lost, added up.
        drop: dB that U's accuracy part gave up.
    """

    features: Tensor
    drop: float


@dataclass
class Inquisitor:
    """What has been seen, and what is made of it.

    Attributes:
        groups: names of the groups that can be cut, in the anatomy's order.
        rows: {kind of evidence: the newest 1,024}.
    """

    groups: tuple[str, ...]
    rows: dict[str, list[Row]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return (*REACTIONS, *(f"share of {group}" for group in self.groups))

    def describe(self, reactions: Reactions, relief: UnitValues) -> UnitValues:
        """Features of every unit, {group: (size, features)}; zeros where it is dead.

        All are shares, of the network's or of the group's total, so that they speak of a large network as of a small
        one, and add up when several units go.

        Args:
            reactions: of the network that the units belong to.
            relief: what their removal gives back, see `reliefs`.
        """
        total = sum(values.sum() for values in reactions.taylor.values())
        cost = sum(relief[name][mask].sum() for name, mask in reactions.alive.items())
        described = {}
        for place, name in enumerate(self.groups):
            alive = reactions.alive[name]
            one_hot = torch.zeros(len(alive), len(self.groups), dtype=torch.float64)
            one_hot[:, place] = 1 / alive.sum()
            features = [
                reactions.taylor[name] / total if total > 0 else _share(alive.double()) / len(self.groups),
                _share(reactions.taylor[name], alive),
                _share(reactions.variance[name], alive),
                _share(reactions.norm[name], alive),
                _share(_divergence(reactions, name), alive),
                relief[name] / cost,
            ]
            described[name] = torch.cat([torch.stack(features, dim=1), one_hot], dim=1) * alive[:, None]
        return described

    def learn_from_ablations(self, reactions: Reactions, described: UnitValues) -> None:
        """Learn what each silenced unit did to the loss."""
        rows = [Row(described[ablation.group][ablation.unit], ablation.drop) for ablation in reactions.silenced]
        self.rows["ablation"] = (self.rows["ablation"] + rows)[-MOST_ROWS:]

    def learn_from_network(self, described: UnitValues, lost: UnitValues, drop: float) -> None:
        """Learn what a generated network's score says of all units that it lost.

        Args:
            described: features of the units of the network that it inherits from.
            lost: {group: (size,) bool}.
            drop: dB that U's accuracy part gave up from one to the other.
        """
        features = sum((described[name][mask].sum(dim=0) for name, mask in lost.items()), torch.zeros(len(self.names)))
        self.rows["network"] = [*self.rows["network"], Row(features.double(), drop)][-MOST_ROWS:]

    def weights(self) -> Tensor:
        """(features,) theta_I by ridge regression; zeros without evidence.

        Each kind of evidence is measured in its own scale, because nurture heals a network and not an ablation; both
        have the same say.
        """
        features, drops = [], []
        for rows in self.rows.values():
            if rows:
                x = torch.stack([row.features for row in rows])
                y = torch.tensor([row.drop for row in rows], dtype=torch.float64)
                scale = 1 / math.sqrt(len(rows))
                features.append(scale * x / _rms(x.norm(dim=1)))
                drops.append(scale * y / _rms(y))
        if not features:
            return torch.zeros(len(self.names), dtype=torch.float64)
        x, y = torch.cat(features), torch.cat(drops)
        columns = x.norm(dim=0)
        columns = torch.where(columns > 0, columns, 1.0)
        x = x / columns
        ridge = x.T @ x + RIDGE * torch.eye(x.shape[1], dtype=torch.float64)
        return torch.linalg.solve(ridge, x.T @ y) / columns

    def worth(self, described: UnitValues) -> UnitValues:
        """{group: (size,) predicted drop of U's accuracy part if the unit goes, in a scale of its own}."""
        weights = self.weights()
        return {name: values @ weights for name, values in described.items()}

    def to_json(self) -> dict[str, Any]:
        """Plain values, exact."""
        rows = {kind: [[*row.features.tolist(), row.drop] for row in rows] for kind, rows in self.rows.items()}
        fitted = dict(zip(self.names, self.weights().tolist(), strict=True))
        return {"schema": SCHEMA, "groups": list(self.groups), "weights": fitted, "rows": rows}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Inquisitor:
        """The inquisitor that `to_json` wrote."""
        rows = {
            kind: [Row(torch.tensor(row[:-1], dtype=torch.float64), row[-1]) for row in data["rows"][kind]]
            for kind in KINDS
        }
        return cls(tuple(data["groups"]), rows)


def reliefs(
    anatomy: Anatomy,
    genome: Genome,
    steered: tuple[str, ...],
    amount: Callable[[Census, str], float] = getattr,
) -> UnitValues:
    """{group: (size,) dB that U's cost part gains when one unit goes}, > 0.

    Units of a group are cut from the same places, so one of them speaks for all. A steered amount that NetScore does
    not see counts as its own two do.

    Args:
        anatomy: the ancestor's.
        genome: what is alive.
        steered: names of the amounts that the descent brings down.
        amount: how much a network has of one, by its census.
    """
    names = dict.fromkeys(("params", "macs", *steered))
    before, gains = genome.census(anatomy), {}
    for group in anatomy.removable:
        kept = genome.kept[group.name]
        gain = torch.finfo(torch.float64).eps
        if len(kept) > 1:
            after = Genome({**genome.kept, group.name: kept[1:]}, genome.synapses).census(anatomy)
            gain += sum(_gain(amount(before, name), amount(after, name)) for name in names)
        gains[group.name] = torch.full((group.size,), gain, dtype=torch.float64)
    return gains


def _gain(before: float, after: float) -> float:
    # A layer may be predicted to take longer at one channel less, by another kind of kernel.
    return max(0.0, 10 * math.log10(before / after))


def _divergence(reactions: Reactions, name: str) -> Tensor:
    """(size,) divergence of each unit; one that was not silenced is taken for its group's average."""
    measured = {ablation.unit: ablation.divergence for ablation in reactions.silenced if ablation.group == name}
    average = sum(measured.values()) / len(measured) if measured else 1.0
    values = torch.full((len(reactions.alive[name]),), average, dtype=torch.float64)
    for unit, divergence in measured.items():
        values[unit] = divergence
    return values


def _share(values: Tensor, alive: Tensor | None = None) -> Tensor:
    """Of the total of what is alive; equal shares where the total is zero."""
    alive = torch.ones_like(values) if alive is None else alive.double()
    values = values * alive
    return values / values.sum() if values.sum() > 0 else alive / alive.sum()


def _rms(values: Tensor) -> float:
    return max(values.square().mean().sqrt().item(), torch.finfo(torch.float64).tiny)
