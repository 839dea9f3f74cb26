"""What a rule is given (`Call`) and how a rule is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from edgesynth.anatomy.channels import FIXED, Atoms, Channels, Fold, Product, Role, Value, labelled


@dataclass
class Operand:
    """A tensor argument: an activation, or a parameter or buffer with its name; a buffer is never trained."""

    value: Value
    parameter: str | None = None
    dtype: torch.dtype = torch.float32
    buffer: bool = False


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
    """

    op: str
    target: Any
    args: dict[str, Any]
    shapes: list[tuple[int, ...]]
    where: str
    channels: Channels

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the first output."""
        return self.shapes[0]

    def operands(self) -> list[Operand]:
        """Every tensor argument, lists of tensors included."""
        found: list[Operand] = []
        for argument in self.args.values():
            items = argument if isinstance(argument, (list, tuple)) else [argument]
            found += [item for item in items if isinstance(item, Operand)]
        return found

    def tensor(self, name: str = "self") -> Value:
        """A tensor argument as a value; a parameter with one dimension worth the name brings its own channels."""
        return self.value(self.args[name])

    def value(self, operand: Operand) -> Value:
        """The same for an operand."""
        value = operand.value
        wide = [axis for axis, size in enumerate(value.shape) if size > 1]
        if operand.parameter is None or len(wide) != 1:
            return value
        known = self.channels.bindings.get((operand.parameter, wide[0]))
        atoms = known.atoms if known else self.channels.fresh(value.shape[wide[0]])
        self.channels.bind(operand.parameter, wide[0], atoms, "emit", self.where)
        return labelled(value.shape, wide[0], atoms)

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

    def channel_atoms(self, value: Value) -> Atoms | None:
        """(C,) atoms along dimension 1; None, and protected, where channels lie anywhere else."""
        atoms = value.along(1)
        if atoms is None:
            self.protect(value, "channels outside the channel dimension")
        return atoms

    def bind(self, operand: Operand | None, dim: int, atoms: Atoms | None, role: Role) -> None:
        """Tie one dimension of a parameter to atoms; an activation in its place, or unknown atoms, protects.

        Rows of a buffer are no clusters: nothing trains them, and they go with what they are tied to.
        """
        if operand is None:
            return
        if operand.parameter is None:
            self.protect(operand.value, "used as a weight")
            if atoms is not None:
                self.channels.protect(atoms, f"its weight is computed, not a parameter ({self.where})")
            return
        fixed = np.full(operand.value.shape[dim], -1, dtype=np.int64)
        why = f"shares {operand.parameter} with channels that cannot be cut ({self.where})"
        role = "emit" if role == "weight" and operand.buffer else role
        self.channels.bind(operand.parameter, dim, fixed if atoms is None else atoms, role, why)

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
        atoms = value.along(axis % len(value.shape))
        if atoms is None:
            self.protect(value, "channels outside the channel dimension")
        else:
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
            return ""
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
