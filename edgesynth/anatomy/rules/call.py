"""What a rule is given (`Call`) and how a rule is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from edgesynth.anatomy.channels import Atoms, Channels, Role, Value


@dataclass
class Operand:
    """A tensor argument: an activation, or a parameter or buffer with its name."""

    value: Value
    parameter: str | None = None


@dataclass
class Call:
    """One operation of the traced graph.

    Attributes:
        op: its ATen name without overload and without the underscore of in-place forms, such as `conv2d`.
        args: arguments by name; tensors are `Operand`, all else is as traced.
        shapes: shapes of its outputs.
        where: op and module, for messages.
        channels: the ledger to write to.
    """

    op: str
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

    def protect(self, value: Value, why: str) -> None:
        """Protect every channel of a value, naming this op."""
        for atoms in value.atoms():
            self.channels.protect(atoms, f"{why} ({self.where})")

    def bind(self, operand: Operand | None, dim: int, atoms: Atoms | None, role: Role) -> None:
        """Tie one dimension of a parameter to atoms; an activation in its place, or unknown atoms, protects."""
        if operand is None:
            return
        if operand.parameter is None:
            self.protect(operand.value, "used as a weight")
            if atoms is not None:
                self.channels.protect(atoms, f"weight is computed, not a parameter ({self.where})")
        elif atoms is not None:
            self.channels.bind(operand.parameter, dim, atoms, role)
        elif (operand.parameter, dim) in self.channels.bindings:
            known = self.channels.bindings[operand.parameter, dim].atoms
            self.channels.protect(known, f"a second use of {operand.parameter} cannot follow ({self.where})")

    def read(self, value: Value, dim: int) -> Atoms | None:
        """Atoms along `dim` of a value that this op sums over; the other dimensions' channels are protected.

        A value that is not zero where its cluster is masked would leave a constant behind: protected too.
        """
        atoms = value.dims[dim]
        for other, left in enumerate(value.dims):
            if left is not None and other != dim % len(value.dims):
                self.channels.protect(left, f"channels outside the channel dimension ({self.where})")
        if atoms is not None and not value.clean:
            self.channels.protect(atoms, f"a removed channel would leave a constant: {value.stain}")
        return atoms


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


def apply_rule(call: Call) -> list[Value]:
    """Outputs of an op by its rule; without a rule, what reaches it is protected and what leaves it is unknown."""
    found = RULES.get(call.op)
    if found is None:
        for operand in call.operands():
            call.protect(operand.value, f"no rule for {call.op}")
        return [Value.unknown(shape) for shape in call.shapes]
    result = found(call)
    return result if isinstance(result, list) else [result]
