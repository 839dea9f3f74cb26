"""Cluster groups: the channels that can be removed one by one, and what each removal cuts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from edgesynth.anatomy.channels import FIXED, Atoms, Channels, Role


@dataclass(frozen=True)
class Member:
    """One dimension of one parameter that a group indexes.

    Attributes:
        parameter: name of the parameter or buffer.
        dim: its dimension.
        role: `weight` (rows are clusters), `emit`, `state` or `read`; see `channels.Role`.
        units: (size of the dimension,) the group's unit that each index belongs to, -1 where it is not of this group.
    """

    parameter: str
    dim: int
    role: Role
    units: Atoms

    def lines(self, chosen: Tensor) -> Tensor:
        """Indices of its dimension that belong to chosen units of the group, a bool for each."""
        units = torch.from_numpy(self.units)
        return torch.nonzero((units >= 0) & chosen[units]).flatten()


@dataclass(frozen=True)
class ClusterGroup:
    """Clusters that are coupled across the same layers: unit i is removed from all of them, or from none.

    Attributes:
        name: the first layer that makes these channels.
        size: number of units.
        members: what a unit's removal cuts.
        removable: whether units may be removed.
        reason: why not, else empty.
    """

    name: str
    size: int
    members: tuple[Member, ...]
    removable: bool
    reason: str = ""

    def writers(self) -> tuple[Member, ...]:
        """The layers whose rows are this group's clusters."""
        return tuple(member for member in self.members if member.role == "weight")


@dataclass(frozen=True)
class ProductUse:
    """A product of activations, and the units over which its multiply-accumulates spread evenly.

    Attributes:
        where: op and module.
        macs: its multiply-accumulates, of all inputs together.
        cells: places over which they spread.
        units: {group: the unit of each of those places that is of this group}.
    """

    where: str
    macs: int
    cells: int
    units: dict[str, Atoms]


def build_groups(channels: Channels) -> tuple[tuple[ClusterGroup, ...], tuple[ProductUse, ...]]:
    """Sort tied channels into groups: units that are cut from exactly the same places stand in one group."""
    unit_of = channels.units()
    bindings = list(channels.bindings.values())
    places: dict[int, list[int]] = {}
    for number, binding in enumerate(bindings):
        for unit in _distinct(unit_of[binding.atoms[binding.atoms != FIXED]]):
            places.setdefault(unit, []).append(number)
    reasons = _reasons(channels, unit_of)

    families: dict[tuple[tuple[int, ...], str], list[int]] = {}
    for unit, numbers in places.items():
        families.setdefault((tuple(numbers), reasons.get(unit, "")), []).append(unit)

    groups: list[ClusterGroup] = []
    taken: dict[str, int] = {}
    position = np.full(channels.count + 1, -1, dtype=np.int64)
    spread: list[dict[str, Atoms]] = [{} for _ in channels.products]
    unit_of = np.append(unit_of, channels.count)  # what is FIXED (-1) has no unit, and no position in any group
    for (where, reason), units in families.items():
        position[:] = -1
        position[units] = np.arange(len(units))
        members = tuple(
            Member(
                bindings[place].parameter,
                bindings[place].dim,
                bindings[place].role,
                position[unit_of[bindings[place].atoms]],
            )
            for place in where
        )
        writer = next((member for member in members if member.role == "weight"), members[0])
        name = writer.parameter.rsplit(".", 1)[0]
        taken[name] = taken.get(name, 0) + 1
        name = name if taken[name] == 1 else f"{name}#{taken[name]}"
        groups.append(ClusterGroup(name, len(units), members, not reason, reason))
        for product, found in zip(channels.products, spread, strict=True):
            here = position[unit_of[product.atoms]].ravel()
            if (here >= 0).any():
                found[name] = here[here >= 0]
    products = zip(channels.products, spread, strict=True)
    return tuple(groups), tuple(ProductUse(one.where, one.macs, one.atoms.size, units) for one, units in products)


def _distinct(units: Atoms) -> list[int]:
    """Distinct units in the order of their first appearance."""
    return list(dict.fromkeys(units.tolist()))


def _reasons(channels: Channels, unit_of: Atoms) -> dict[int, str]:
    """For every protected unit its reasons; the first three, each named once."""
    collected: dict[int, list[str]] = {}
    for atoms, reason in channels.protections:
        for unit in _distinct(unit_of[atoms]):
            known = collected.setdefault(unit, [])
            if reason not in known and len(known) < 3:
                known.append(reason)
    return {unit: "; ".join(reasons) for unit, reasons in collected.items()}
