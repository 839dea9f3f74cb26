"""Linear layers and products of activations: sums over one dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgesynth.anatomy.channels import FIXED, Atoms, Value, labeled
from edgesynth.anatomy.rules.call import Call, Operand, rule


@rule("linear")
def linear(call: Call) -> Value:
    """Weight (out, in) on the last dimension of (N, ..., in)."""
    weight: Operand = call.args["weight"]
    bias: Operand | None = call.args.get("bias")
    rows = call.channels.fresh(weight.value.shape[0])
    call.read(call.tensor("input"), -1, weight, 1, bias)
    call.bind(weight, 0, rows, "weight")
    call.bind(bias, 0, rows, "emit")
    return labeled(call.shape, len(call.shape) - 1, rows)


@rule("embedding")
def embedding(call: Call) -> Value:
    """Weight (words, width): the width is channels, the words are not."""
    atoms = call.channels.fresh(call.shape[-1])
    call.bind(call.args["weight"], 0, None, "state")
    call.bind(call.args["weight"], 1, atoms, "emit")
    return labeled(call.shape, len(call.shape) - 1, atoms)


@rule("addmm")
def addmm(call: Call) -> Value:
    """Bias + x @ weight, the weight (in, out)."""
    return _by_parameter(call, call.args["mat1"], call.args["mat2"], call.args["self"])


@rule("matmul", "mm", "bmm")
def matmul(call: Call) -> Value:
    """A product of activations, or of an activation with a parameter (in, out)."""
    left: Operand = call.args["self"]
    right: Operand = call.args["other" if call.op == "matmul" else "mat2"]
    if right.sources and len(right.value.shape) == 2:
        return _by_parameter(call, left, right, None)
    ranks = len(left.value.shape), len(right.value.shape)
    if min(ranks) < 2:
        call.count(max(math.prod(left.value.shape), math.prod(right.value.shape)))
        return give_up(call, "a product with a vector")
    batch = "abcdefgh"[: max(ranks) - 2]
    terms = [batch[len(batch) - rank + 2 :] + last for rank, last in zip(ranks, ("mk", "kn"), strict=True)]
    return contract(call, [left, right], terms, batch + "mn", call.shape)


@rule("einsum")
def einsum(call: Call) -> Value:
    """Any einsum whose terms name every dimension once."""
    inputs, arrow, output = call.args["equation"].replace(" ", "").partition("->")
    terms = inputs.split(",")
    if not arrow or "." in inputs or any(len(set(term)) < len(term) for term in terms):
        return give_up(call, "an einsum that is not spelt out")
    return contract(call, call.args["tensors"], terms, output, call.shape)


def give_up(call: Call, why: str) -> Value:
    """Protect every operand; the result has no channels."""
    for operand in call.operands():
        call.protect(operand.value, why)
    return Value(call.shape)


@dataclass(frozen=True)
class _Factor:
    """A factor of a contraction: its letters, its value and its atoms with one dimension for every letter of all."""

    term: str
    value: Value
    atoms: Atoms | None


def contract(call: Call, operands: list[Operand], terms: list[str], output: str, shape: tuple[int, ...]) -> Value:
    """A sum of products over every letter that the output lacks.

    Channels along a letter that is summed die together in all factors, and something must make their product zero.
    Where channels spread over a summed and a kept letter (a head's width and the heads), whole lines of the kept letter
    die: that is how attention loses a head.
    """
    letters = output + "".join(sorted({letter for term in terms for letter in term} - set(output)))
    placed = [(operand.value.shape, term) for operand, term in zip(operands, terms, strict=True)]
    macs = math.prod(max(shape[term.index(letter)] for shape, term in placed if letter in term) for letter in letters)
    if any(operand.parameter is not None and len(operand.value.shape) > 1 for operand in operands):
        call.count(macs)
        return give_up(call, "a product with a parameter of several dimensions")
    values = [call.value(operand) for operand in operands]
    factors = [_Factor(term, value, _aligned(value, term, letters)) for term, value in zip(terms, values, strict=True)]
    call.count(macs, max((factor.atoms for factor in factors if factor.atoms is not None), key=np.size, default=None))
    kept = [_summed(call, factor, factors, letters, len(output)) for factor in factors]
    atoms = _outcome(call, [atoms for atoms in kept if atoms is not None], len(output))
    if atoms is None:
        return Value(shape)
    zero = any(value.constant == 0 and value.atoms is not None for value in values)
    return Value(shape, atoms, 0.0 if zero else None, f"a product of values that masking does not zero ({call.where})")


def _aligned(value: Value, term: str, letters: str) -> Atoms | None:
    """Atoms with one dimension for every letter of the contraction, in order."""
    if value.atoms is None:
        return None
    order = sorted(range(len(term)), key=lambda axis: letters.index(term[axis]))
    sizes = iter(value.atoms.transpose(order).shape)
    return value.atoms.transpose(order).reshape([next(sizes) if letter in term else 1 for letter in letters])


def _summed(call: Call, factor: _Factor, factors: list[_Factor], letters: str, kept: int) -> Atoms | None:
    """What is left of a factor's channels when the letters behind the first `kept` are summed over."""
    atoms = factor.atoms
    if atoms is None:
        return None
    wide = [axis for axis, size in enumerate(atoms.shape) if size > 1]
    lost = [axis for axis in wide if axis >= kept]
    if not lost:
        return atoms
    sharing = [other for other in factors if all(letters[axis] in other.term for axis in lost)]
    why = f"multiplied by values that cannot be cut ({call.where})"
    for other in sharing:
        theirs = np.full([1] * atoms.ndim, FIXED) if other.atoms is None else other.atoms
        shape = np.broadcast_shapes(atoms.shape, theirs.shape)
        call.channels.tie(np.broadcast_to(atoms, shape), np.broadcast_to(theirs, shape), why)
    if not any(other.value.constant == 0 for other in sharing):
        call.channels.protect(atoms, f"a sum over channels that are not zero when masked ({call.where})")
    line = atoms
    for axis in lost:
        line = np.take(line, [0], axis=axis)
    if len(wide) == len(lost):
        return None
    call.channels.tie(np.broadcast_to(line, atoms.shape), atoms, f"a sum over part of the channels ({call.where})")
    return line


def _outcome(call: Call, kept: list[Atoms], rank: int) -> Atoms | None:
    """Channels of the output: those that the factors kept; where several did, they must lie alike."""
    kept = [atoms.reshape(atoms.shape[:rank]) for atoms in kept]
    if not kept:
        return None
    widest = max(kept, key=lambda atoms: sum(size > 1 for size in atoms.shape))
    for other in kept:
        if any(size > 1 and widest.shape[axis] == 1 for axis, size in enumerate(other.shape)):
            for atoms in kept:
                call.channels.protect(atoms, f"an outer product of channels ({call.where})")
            return None
        why = f"multiplied by values that cannot be cut ({call.where})"
        call.channels.tie(np.broadcast_to(other, widest.shape), widest, why)
    return widest


def _by_parameter(call: Call, left: Operand, weight: Operand, bias: Operand | None) -> Value:
    """X @ weight + bias with a weight (in, out)."""
    rows = call.channels.fresh(call.shape[-1])
    call.read(call.value(left), -1, weight, 0, bias)
    call.bind(weight, 1, rows, "weight")
    if bias is not None:
        call.bind(bias, len(bias.value.shape) - 1, rows, "emit")
    return labeled(call.shape, len(call.shape) - 1, rows)
