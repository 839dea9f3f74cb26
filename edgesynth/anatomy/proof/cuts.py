"""Which cuts a proof makes.

One pattern in which the same units always die proves too little: code that takes the first channels by number, that
asks whether two widths are equal, or that goes by half of a width may agree with it by chance. So every group is cut

- to every second unit of its first half and every fourth of its second, and then to all the others: each unit dies in
  one of the two, lives in the other, and no half is as large as the other half;
- to a random number of random units;
- to as many units as every other group, so that widths that were unequal are equal;
- by one unit, while its neighbors are cut to two, and the other way round: of two widths that are compared, either is
  the larger one once, and numbers that stand in the code are passed from above and from below.

Of the branches every second one dies, then the others, then a random half, then all of them.

All groups are cut at once, because a forward mostly compares the widths of neighbors. No group is cut to a single unit
here: `squeeze` and broadcasting treat a size of 1 otherwise, which is no reason to protect a group. A run that cuts so
far has the cut of each offspring proven.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from edgesynth.anatomy.branches.branch import Branch
from edgesynth.anatomy.groups import ClusterGroup

LEAST = 2  # units that every pattern leaves of a group that has so many
Kept = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Cut:
    """One cut of all groups.

    Attributes:
        words: what is cut, for the reason of a protection.
        kept: {group: units kept}, of every group that can be cut at all, and {branch: nothing} of those that die.
        by_values: whether outputs are compared in any case; else only where the cut network calls something else than
            the whole one.
        in_training: whether training is looked at although the whole network does the same there.
    """

    words: str
    kept: Kept
    by_values: bool = False
    in_training: bool = False


def cuts(groups: Sequence[ClusterGroup], branches: Sequence[Branch] = ()) -> list[Cut]:
    """The cuts that prove these groups and branches; groups of a single unit stay whole."""
    sizes = {group.name: group.size for group in groups if group.size > 1}
    names = [branch.name for branch in branches]
    if not sizes and not names:
        return []
    source = torch.Generator().manual_seed(0)
    uneven = {name: _uneven(size) for name, size in sizes.items()}
    others = {name: sorted({*range(sizes[name])} - {*units}) for name, units in uneven.items()}
    width = max(LEAST, min(sizes.values(), default=0) // 2)
    first, second = list(sizes)[::2], list(sizes)[1::2]
    equal = {name: _to(size, width, source) for name, size in sizes.items()}
    random = {name: _random(size, source) for name, size in sizes.items()}
    unequal = [_unequally(sizes, narrow, source) for narrow in (first, second)]
    half = [name for name in names if torch.rand((), generator=source) < 0.5]
    shallow = [Cut("all branches removed", _without(names), by_values=True, in_training=True)] if names else []
    if not sizes:
        return [*(Cut("some branches removed", _without(dead), True) for dead in (names[::2], names[1::2])), *shallow]
    return [
        Cut("most units cut", {**uneven, **_without(names[::2])}, by_values=True, in_training=True),
        Cut("the other units cut", {**others, **_without(names[1::2])}, by_values=True),
        Cut("random units cut", {**random, **_without(half)}),
        Cut(f"all groups cut to {width} units", equal, in_training=True),
        Cut("neighbors cut unequally", unequal[0]),
        Cut("neighbors cut unequally", unequal[1]),
        *shallow,
    ]


def _without(branches: Sequence[str]) -> dict[str, list[int]]:
    return {name: [] for name in branches}


def _uneven(size: int) -> list[int]:
    half = size // 2
    return [*range(0, half, 2), *range(half, size, 4)] if size >= 6 else [*range(0, size, 2)]


def _random(size: int, source: torch.Generator) -> list[int]:
    least = min(LEAST, size - 1)
    return _to(size, int(torch.randint(least, size, (), generator=source)), source)


def _to(size: int, width: int, source: torch.Generator) -> list[int]:
    return sorted(torch.randperm(size, generator=source)[: min(size, width)].tolist())


def _unequally(sizes: Mapping[str, int], narrow: Sequence[str], source: torch.Generator) -> dict[str, list[int]]:
    """Some groups cut to two units, the others by one."""
    return {
        name: _to(size, min(LEAST, size - 1) if name in narrow else size - 1, source) for name, size in sizes.items()
    }
