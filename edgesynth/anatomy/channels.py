"""Channels as atoms: who is coupled with whom, who is protected, and which parameter holds what.

Every output channel of a convolution or linear layer gets a number of its own, an atom. A tensor is described by the
atoms along each of its dimensions, so cat is concatenation, flatten is repetition, and a residual add ties the atoms of
its two sides. What is tied lives or dies together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Atoms = NDArray[np.int64]

# weight: rows of a convolution or linear layer, one row a cluster; emit: bias and normalisation, zeroed with the
# cluster; state: running statistics, cut but never zeroed; read: what consumes the channel.
Role = Literal["weight", "emit", "state", "read"]


@dataclass
class Value:
    """What is known of one tensor of the graph.

    Attributes:
        shape: its sizes.
        dims: for each dimension its atoms, or None where no channels are known.
        clean: a masked cluster is exactly zero here. Where it is not, a reader would see a constant.
        stain: the op that made it unclean, for the reason of a protection.
    """

    shape: tuple[int, ...]
    dims: list[Atoms | None]
    clean: bool = True
    stain: str = ""

    @classmethod
    def unknown(cls, shape: tuple[int, ...]) -> Value:
        """A tensor without known channels."""
        return cls(shape, [None] * len(shape))

    def atoms(self) -> list[Atoms]:
        """Atoms of every dimension that has some."""
        return [atoms for atoms in self.dims if atoms is not None]


@dataclass
class Binding:
    """One dimension of one parameter or buffer, and the atom of each of its indices."""

    parameter: str
    dim: int
    atoms: Atoms
    role: Role


@dataclass
class Channels:
    """The ledger that rules write: atoms, ties between them, protections, bindings to parameters."""

    count: int = 0
    bindings: dict[tuple[str, int], Binding] = field(default_factory=dict)
    protections: list[tuple[Atoms, str]] = field(default_factory=list)
    ties: list[tuple[Atoms, Atoms]] = field(default_factory=list)

    def fresh(self, size: int) -> Atoms:
        """New atoms for `size` channels."""
        self.count += size
        return np.arange(self.count - size, self.count, dtype=np.int64)

    def tie(self, first: Atoms, second: Atoms) -> None:
        """Channel i of the one lives and dies with channel i of the other."""
        self.ties.append((first, second))

    def protect(self, atoms: Atoms, reason: str) -> None:
        """These channels may not be removed."""
        self.protections.append((atoms, reason))

    def bind(self, parameter: str, dim: int, atoms: Atoms, role: Role) -> None:
        """Dimension `dim` of a parameter is indexed by these atoms; a second use of it ties the two."""
        known = self.bindings.setdefault((parameter, dim), Binding(parameter, dim, atoms, role))
        if known.atoms is not atoms:
            self.tie(known.atoms, atoms)

    def units(self) -> Atoms:
        """For every atom the number of the unit (set of tied atoms) that it belongs to."""
        if not self.ties:
            return np.arange(self.count, dtype=np.int64)
        first = np.concatenate([tie[0] for tie in self.ties])
        second = np.concatenate([tie[1] for tie in self.ties])
        graph = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(self.count, self.count))
        return connected_components(graph, directed=False)[1].astype(np.int64)
