"""Channels as atoms: which are coupled, which are protected, and which parameter holds them.

Every output channel of a convolution or linear layer gets a number of its own, an atom. A tensor carries an array of
atoms that broadcasts to its shape, so that a view of the tensor is the same view of its atoms: cat is concatenation,
flatten repeats, a channel shuffle is two reshapes and a transpose. A residual add ties the atoms of its two sides, and
what is tied lives or dies together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Atoms = NDArray[np.int64]
FIXED = -1  # in place of an atom: an index that cannot be cut

# weight: rows of a convolution, linear or recurrent layer, one row a cluster; direction: such rows too, but of a weight
# that is zeroed through its length, another parameter, as weight normalization's; emit: bias, normalization and other
# parameters that are zeroed with the cluster; state: running statistics, cut but never zeroed; read: what consumes the
# channel.
Role = Literal["weight", "direction", "emit", "state", "read"]
WRITING: tuple[Role, ...] = ("weight", "direction")


@dataclass(frozen=True)
class Source:
    """A parameter or buffer from which a tensor is computed, such as the raw weight of an equalized learning rate.

    Attributes:
        parameter: its name.
        shape: its sizes.
        dims: for every dimension of the tensor, those of the parameter that lie along it, in order; none where the
            parameter is the same all along it.
        constants: for every dimension of the parameter, what the tensor holds where an index of it is all zero,
            whatever the other sources hold; None where that depends on values.
        counted: the parameter's dimensions over which statistics were taken: cutting one of its indices changes them.
        summed: those over which a sum or norm was taken: cutting an index changes it unless it is all zero.
        buffer: whether it is never trained.
    """

    parameter: str
    shape: tuple[int, ...]
    dims: tuple[tuple[int, ...], ...]
    constants: tuple[float | None, ...]
    counted: frozenset[int] = frozenset()
    summed: frozenset[int] = frozenset()
    buffer: bool = False

    def along(self, axis: int) -> int | None:
        """The parameter's dimension that lies, alone, along a dimension of the tensor."""
        dims = self.dims[axis]
        return dims[0] if len(dims) == 1 else None


@dataclass(frozen=True)
class Value:
    """What is known of one tensor of the graph.

    Attributes:
        shape: its sizes.
        atoms: array of as many dimensions, each of the tensor's size or 1, of the atom of every element (`FIXED` where
            there is none); None where no channels are known.
        constant: what every element of a masked cluster is here, the same for all inputs; None where that is not so.
        stain: the op since which `constant` is None, for the reason of a protection.
        nonnegative: whether no element can be below zero.
        uniform: dimensions along which all elements are equal, as after an expansion: their size is all they have.
        sources: the parameters that it is computed from, if nothing else with a dimension takes part.
    """

    shape: tuple[int, ...]
    atoms: Atoms | None = None
    constant: float | None = 0.0
    stain: str = ""
    nonnegative: bool = False
    uniform: frozenset[int] = frozenset()
    sources: tuple[Source, ...] = ()

    def axes(self) -> tuple[int, ...]:
        """The dimensions along which atoms differ."""
        return () if self.atoms is None else tuple(axis for axis, size in enumerate(self.atoms.shape) if size > 1)

    def along(self, axis: int) -> Atoms | None:
        """(size,) atoms along one dimension, if they differ along that one alone; else None."""
        if self.atoms is None or any(other != axis for other in self.axes()):
            return None
        return np.broadcast_to(self.atoms.reshape(-1), (self.shape[axis],)).copy()

    def spread(self, axes: tuple[int, ...]) -> Atoms:
        """The atoms with these dimensions at the tensor's full size."""
        assert self.atoms is not None
        sizes = [self.shape[axis] if axis in axes else size for axis, size in enumerate(self.atoms.shape)]
        return np.broadcast_to(self.atoms, sizes)

    def like(self, shape: tuple[int, ...], atoms: Atoms | None) -> Value:
        """A value of another shape and other atoms that is as constant as this one."""
        return Value(shape, None if atoms is None else compact(atoms), self.constant, self.stain, self.nonnegative)

    def varies(self, axis: int) -> bool:
        """Whether elements may differ along a dimension."""
        return self.shape[axis] > 1 and axis % len(self.shape) not in self.uniform

    def is_filled(self) -> bool:
        """Whether the code fills it with one number, `constant`."""
        return self.atoms is None and self.constant is not None and len(self.uniform) == len(self.shape)


def labeled(shape: tuple[int, ...], axis: int, atoms: Atoms) -> Value:
    """A value whose channels lie along one dimension; masked, they are zero."""
    sizes = [1] * len(shape)
    sizes[axis] = len(atoms)
    return Value(shape, atoms.reshape(sizes))


def compact(atoms: Atoms) -> Atoms:
    """The same atoms with every dimension along which they do not differ at size 1."""
    for axis, size in enumerate(atoms.shape):
        if size > 1:
            first = np.take(atoms, [0], axis=axis)
            if (atoms == first).all():
                atoms = first
    return atoms


@dataclass
class Binding:
    """One dimension of one parameter or buffer, and the atom of each of its indices."""

    parameter: str
    dim: int
    atoms: Atoms
    role: Role


@dataclass(frozen=True)
class Fold:
    """A reader that sees a constant where a cluster is masked: its bias takes that up when the cluster is cut.

    Attributes:
        weight: the reader's weight.
        dim: the dimension of it that reads.
        bias: the reader's bias.
        constant: what the masked channel holds.
    """

    weight: str
    dim: int
    bias: str
    constant: float


@dataclass(frozen=True)
class Rescale:
    """The length of a normalized weight: it shrinks by as much as what is read and cut had of the weight's norm.

    Attributes:
        direction: the parameter that is divided by its norm, over all of its dimensions but `dim`.
        magnitude: the parameter that it is then multiplied by.
        dim: dimension of the direction with a norm for each of its indices; -1 where there is one norm.
        read: dimension of the direction that reads channels.
    """

    direction: str
    magnitude: str
    dim: int
    read: int


@dataclass(frozen=True)
class StatedSize:
    """An attribute of a module that states the shape of a view, such as `nn.Unflatten.unflattened_size`.

    Attributes:
        module: its name.
        attribute: its attribute, a tuple of sizes.
        atoms: what lies along these dimensions.
    """

    module: str
    attribute: str
    atoms: Atoms


@dataclass(frozen=True)
class Product:
    """A product of activations, such as attention's.

    Attributes:
        where: op and module.
        macs: its multiply-accumulates, of all inputs together.
        atoms: channels over which they spread evenly.
    """

    where: str
    macs: int
    atoms: Atoms


@dataclass
class Channels:
    """The ledger that rules write: atoms, ties, protections, bindings to parameters, and what removal must mend."""

    count: int = 0
    bindings: dict[tuple[str, int], Binding] = field(default_factory=dict)
    protections: list[tuple[Atoms, str]] = field(default_factory=list)
    ties: list[tuple[Atoms, Atoms]] = field(default_factory=list)
    grids: list[Atoms] = field(default_factory=list)
    folds: dict[tuple[str, int], Fold] = field(default_factory=dict)
    norms: dict[str, tuple[str, int]] = field(default_factory=dict)  # {direction: (magnitude, dim)}; see `Rescale`
    rescales: dict[tuple[str, int], Rescale] = field(default_factory=dict)
    stated: list[StatedSize] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)

    def fresh(self, size: int) -> Atoms:
        """New atoms for `size` channels."""
        self.count += size
        return np.arange(self.count - size, self.count, dtype=np.int64)

    def tie(self, first: Atoms, second: Atoms, why: str) -> None:
        """Each atom of the first lives and dies with the second's at its place; what meets `FIXED` is protected."""
        pairs = np.unique(np.stack([first.reshape(-1), second.reshape(-1)]), axis=1)
        pairs = pairs[:, pairs[0] != pairs[1]]
        meets_fixed = (pairs == FIXED).any(axis=0)
        if meets_fixed.any():
            self.protect(pairs[:, meets_fixed], why)
        free = pairs[:, ~meets_fixed]
        if free.size:
            self.ties.append((free[0], free[1]))

    def protect(self, atoms: Atoms, reason: str) -> None:
        """These channels may not be removed."""
        distinct = np.unique(atoms)
        self.protections.append((distinct[distinct != FIXED], reason))

    def grid(self, atoms: Atoms) -> None:
        """These atoms lie in several dimensions of one tensor: only whole lines of the grid may die."""
        self.grids.append(atoms)

    def bind(self, parameter: str, dim: int, atoms: Atoms, role: Role, why: str) -> None:
        """Dimension `dim` of a parameter is indexed by these atoms; a second use of it ties the two."""
        known = self.bindings.setdefault((parameter, dim), Binding(parameter, dim, atoms, role))
        if known.atoms is not atoms:
            self.tie(known.atoms, atoms, why)

    def unit_of_atoms(self) -> Atoms:
        """For every atom the number of the unit (set of tied atoms) that it belongs to."""
        units = self._components()
        for grid in self.grids:
            if _ragged(units, grid):
                # Whole columns die: the code of a shuffle says how many groups there are, not how wide they are.
                columns = grid.reshape(-1, grid.shape[-1])
                self.tie(np.broadcast_to(columns[:1], columns.shape), columns, "a view that mixes channels")
                units = self._components()
        return units

    def _components(self) -> Atoms:
        if not self.ties:
            return np.arange(self.count, dtype=np.int64)
        first = np.concatenate([tie[0] for tie in self.ties])
        second = np.concatenate([tie[1] for tie in self.ties])
        graph = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(self.count, self.count))
        return connected_components(graph, directed=False)[1].astype(np.int64)


def _ragged(units: Atoms, grid: Atoms) -> bool:
    """Whether units differ along more than one dimension of a grid: the death of one would leave a hole."""
    return len([size for size in compact(np.where(grid == FIXED, FIXED, units[grid])).shape if size > 1]) > 1
