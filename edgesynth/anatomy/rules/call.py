"""What a rule is given (`Call`) and how a rule is found."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch

from edgesynth.anatomy.channels import FIXED, Atoms, Channels, Fold, Product, Rescale, Role, Source, Value, labeled

COMPUTED = "its weight is computed"


@dataclass
class Operand:
    """A tensor argument: an activation, or a parameter or buffer with its name; a buffer is never trained."""

    value: Value
    parameter: str | None = None
    dtype: torch.dtype = torch.float32
    buffer: bool = False

    @property
    def sources(self) -> tuple[Source, ...]:
        """The parameters that it is computed from: of a parameter, itself; none for activations."""
        if self.parameter is None:
            return self.value.sources
        shape = self.value.shape
        dims = tuple((dim,) for dim in range(len(shape)))
        return (Source(self.parameter, shape, dims, (0.0,) * len(shape), buffer=self.buffer),)

    def weight(self) -> Source | None:
        """The parameter of which each element makes one of this tensor's, a trained one if there is; or None."""
        size = math.prod(self.value.shape)
        sources = [source for source in self.sources if math.prod(source.shape) == size]
        return min(sources, key=lambda source: source.buffer, default=None)


@dataclass
class Call:
    """One operation of the traced graph.

    Attributes:
        op: its ATen name without overload and without the underscore of in-place forms, such as `conv2d`.
        target: the ATen operator itself.
        args: arguments by name; tensors are `Operand`, all else is as traced.
        shapes: shapes of its outputs.
        where: op and module, for messages.
        channels: the ledger to write to.
        module: name of the module that calls it.
    """

    op: str
    target: Any
    args: dict[str, Any]
    shapes: list[tuple[int, ...]]
    where: str
    channels: Channels
    module: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the first output."""
        return self.shapes[0]

    def operands(self) -> list[Operand]:
        """Every tensor argument, lists of tensors included."""
        operands: list[Operand] = []
        for argument in self.args.values():
            items = argument if isinstance(argument, (list, tuple)) else [argument]
            operands += [item for item in items if isinstance(item, Operand)]
        return operands

    def tensor(self, name: str = "self") -> Value:
        """A tensor argument as a value; a parameter with one dimension worth the name brings its own channels."""
        return self.value(self.args[name])

    def value(self, operand: Operand) -> Value:
        """The same for an operand, and for what is computed from such parameters."""
        value, sources = operand.value, operand.sources
        wide = [axis for axis in range(len(value.shape)) if value.varies(axis)]
        places = [source.along(wide[0]) for source in sources if source.dims[wide[0]]] if len(wide) == 1 else []
        if value.atoms is not None or not places or None in places:
            return value
        (axis,) = wide
        first = next(source for source in sources if source.dims[axis])
        known = self.channels.bindings.get((first.parameter, first.dims[axis][0]))
        atoms = known.atoms if known else self.channels.fresh(value.shape[axis])
        constant = self._bind_sources(sources, axis, atoms, "emit")
        stain = f"computed from {first.parameter} ({self.where})"
        return replace(labeled(value.shape, axis, atoms), constant=constant, stain=stain)

    def count(self, macs: int, atoms: Atoms | None = None) -> None:
        """Enter multiply-accumulates, of all inputs together, that no layer accounts for.

        Args:
            macs: how many.
            atoms: channels over which they spread evenly; without any they stay whatever is removed.
        """
        if macs:
            self.channels.products.append(Product(self.where, macs, np.array([FIXED]) if atoms is None else atoms))

    def protect(self, value: Value, why: str) -> None:
        """Protect every channel of a value, naming this op."""
        if value.atoms is not None:
            self.channels.protect(value.atoms, f"{why} ({self.where})")

    def channel_atoms(self, value: Value, axis: int = 1) -> Atoms | None:
        """(C,) atoms along the channel dimension; None, and protected, where channels lie anywhere else.

        Where they spread over other dimensions as well, as in an image made by a linear layer, whole channels die.
        """
        atoms = value.along(axis)
        if atoms is not None or value.atoms is None:
            return atoms
        if axis % len(value.shape) not in value.axes():
            self.protect(value, "channels outside the channel dimension")
            return None
        spread = value.spread((axis % len(value.shape),))
        line = np.moveaxis(spread, axis, 0).reshape(value.shape[axis], -1)
        self.channels.tie(np.broadcast_to(line[:, :1], line.shape), line, f"beside what cannot be cut ({self.where})")
        return line[:, 0].copy()

    def bind(self, operand: Operand | None, dim: int, atoms: Atoms | None, role: Role) -> None:
        """Tie one dimension of a parameter to atoms; an activation in its place, or unknown atoms, protects.

        Of a weight that is computed from parameters, element by element, the same dimension of each of them is tied.
        Rows of a buffer are no clusters: nothing trains them, and they go with what they are tied to.
        """
        if operand is None:
            return
        sources = operand.sources
        places = [source.along(dim) for source in sources if source.dims[dim]]
        whole = operand.parameter is not None or role not in ("weight", "read") or operand.weight() is not None
        if not places or None in places or not whole:
            self.protect(operand.value, "used as a weight")
            if atoms is not None:
                self.channels.protect(atoms, f"{COMPUTED}, not a parameter ({self.where})")
            return
        fixed = np.full(operand.value.shape[dim], FIXED, dtype=np.int64)
        constant = self._bind_sources(sources, dim, fixed if atoms is None else atoms, role)
        if atoms is not None and role in ("weight", "emit") and constant != 0:
            self.channels.protect(atoms, f"{COMPUTED}, and not zero where a row is ({self.where})")

    def _bind_sources(self, sources: tuple[Source, ...], axis: int, atoms: Atoms, role: Role) -> float | None:
        """Tie the dimension of each source along one dimension of what is computed from them.

        Returns:
            What is computed where a masked channel has had zeroed what the role says: of several sources one is zeroed
            that makes all zero, for of a quotient not all may be.
        """
        along = [(source, source.dims[axis][0]) for source in sources if source.dims[axis]]
        main = max(along, key=lambda each: (not each[0].buffer, math.prod(each[0].shape)))
        zeroing = [each for each in along if each[0].constants[each[1]] == 0]
        zeroed = main if main in zeroing or not zeroing else zeroing[0]
        for source, dim in along:
            own: Role = "state"
            if (source, dim) == main:
                own = role if role == "read" or main == zeroed else "direction" if role == "weight" else "state"
            elif (source, dim) == zeroed and role != "read":
                own = "emit"
            if source.buffer and own in ("weight", "read"):
                own = "emit" if own == "weight" else "state"
            why = f"shares {source.parameter} with channels that cannot be cut ({self.where})"
            self.channels.bind(source.parameter, dim, atoms, own, why)
            self._settle_statistics(source, dim, atoms, role)
        return zeroed[0].constants[zeroed[1]]

    def _settle_statistics(self, source: Source, dim: int, atoms: Atoms, role: Role) -> None:
        """Protect channels whose cut would change statistics of a weight; a norm may be made good by its factor."""
        if dim in source.counted or (dim in source.summed and role == "read"):
            self.channels.protect(atoms, f"{COMPUTED} with statistics over these channels ({self.where})")
        magnitude, kept = self.channels.norms.get(source.parameter, ("", dim))
        if role == "read" and dim != kept:
            rescale = Rescale(source.parameter, magnitude, kept, dim)
            self.channels.rescales[source.parameter, dim] = rescale

    def read(
        self, value: Value, axis: int, weight: Operand, dim: int, bias: Operand | None, exact: bool = True
    ) -> None:
        """The op sums over `axis` of a value, each channel of it times one index of `dim` of a weight.

        Args:
            value: what is read.
            axis: its channel dimension.
            weight: what it is multiplied by.
            dim: the weight's dimension of that channel.
            bias: takes up the constant that a masked channel may hold.
            exact: whether such a constant adds the same to every position; a padded convolution does not.
        """
        atoms = self.channel_atoms(value, axis)
        if atoms is not None:
            problem = self._leftover(value, weight, dim, bias, exact)
            if problem:
                self.channels.protect(atoms, problem)
        self.bind(weight, dim, atoms, "read")

    def _leftover(self, value: Value, weight: Operand, dim: int, bias: Operand | None, exact: bool) -> str:
        """Fold what a masked channel leaves into the reader's bias; if that cannot be, why not."""
        if value.constant is None:
            return f"a removed channel would leave more than a constant: {value.stain}"
        left = f"a removed channel would leave {value.constant:g}"
        if value.constant and not exact:
            return f"{left} in the padding's place ({self.where})"
        if value.constant and (bias is None or bias.parameter is None):
            return f"{left} and there is no bias to take it ({self.where})"
        if weight.parameter is None:
            return f"{left} to a weight that is computed ({self.where})" if value.constant else ""
        fold = Fold(weight.parameter, dim, bias.parameter if bias and bias.parameter else "", value.constant)
        known = self.channels.folds.setdefault((weight.parameter, dim), fold)
        if known.constant != value.constant:
            return f"{left} to one use of {weight.parameter} and {known.constant:g} to another ({self.where})"
        return ""


Rule = Callable[[Call], "Value | list[Value]"]
RuleT = TypeVar("RuleT", bound=Rule)
RULES: dict[str, Rule] = {}


def rule(*ops: str) -> Callable[[RuleT], RuleT]:
    """Register a rule under the names of the ops that it speaks for."""

    def register(function: RuleT) -> RuleT:
        for op in ops:
            RULES[op] = function
        return function

    return register
