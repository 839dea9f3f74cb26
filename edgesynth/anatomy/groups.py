"""Cluster groups: the channels that can be removed one by one, and what each removal cuts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from edgesynth.anatomy.channels import FIXED, WRITING, Atoms, Channels, Role, compact


@dataclass(frozen=True)
class Member:
    """One dimension of one parameter that a group indexes.

    Attributes:
        parameter: name of the parameter or buffer.
        dim: its dimension.
        role: `weight` or `direction` (rows are clusters), `emit`, `state` or `read`; see `channels.Role`.
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
        return tuple(member for member in self.members if member.role in WRITING)


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


@dataclass(frozen=True)
class ShapeAttribute:
    """A tuple of sizes that a module states, and which units lie along each of them.

    Attributes:
        module: the module's name.
        attribute: its attribute's.
        sizes: the tuple.
        units: for each of its places {group: the unit of each index that is of this group}.
    """

    module: str
    attribute: str
    sizes: tuple[int, ...]
    units: tuple[dict[str, Atoms], ...]


def layer_name(parameter: str) -> str:
    """Name of the layer that has a parameter, whether or not torch's parametrizations compute its weight."""
    return f".{parameter.rpartition('.')[0]}".partition(".parametrizations.")[0].removeprefix(".")


def build_groups(
    channels: Channels,
) -> tuple[tuple[ClusterGroup, ...], tuple[ProductUse, ...], tuple[ShapeAttribute, ...]]:
    """Sort tied channels into groups: units that are cut from exactly the same places stand in one group."""
    unit_of = channels.unit_of_atoms()
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
    lines = [_lines(unit_of[stated.atoms], stated.atoms) for stated in channels.stated]
    shapes: list[tuple[dict[str, Atoms], ...]] = [tuple({} for _ in axes) for axes in lines]
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
        writer = next((member for member in members if member.role in WRITING), members[0])
        name = layer_name(writer.parameter) or writer.parameter
        taken[name] = taken.get(name, 0) + 1
        name = name if taken[name] == 1 else f"{name}#{taken[name]}"
        groups.append(ClusterGroup(name, len(units), members, not reason, reason))
        for product, own in zip(channels.products, spread, strict=True):
            here = position[unit_of[product.atoms]].ravel()
            if (here >= 0).any():
                own[name] = here[here >= 0]
        for axes, sizes in zip(lines, shapes, strict=True):
            for line, along in zip(axes, sizes, strict=True):
                here = position[line]
                if (here >= 0).any():
                    along[name] = here[here >= 0]
    products = zip(channels.products, spread, strict=True)
    stated = zip(channels.stated, shapes, strict=True)
    return (
        tuple(groups),
        tuple(ProductUse(product.where, product.macs, product.atoms.size, units) for product, units in products),
        tuple(ShapeAttribute(size.module, size.attribute, size.atoms.shape, units) for size, units in stated),
    )


def _lines(units: Atoms, atoms: Atoms) -> list[Atoms]:
    """For each dimension of a shape the units along it; none where the death of a unit does not shorten it."""
    units = np.where(atoms == FIXED, FIXED, units)
    wide = [axis for axis, size in enumerate(compact(units).shape) if size > 1]
    return [
        np.moveaxis(units, axis, 0).reshape(units.shape[axis], -1)[:, 0] if axis in wide else np.zeros(0, np.int64)
        for axis in range(units.ndim)
    ]


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
