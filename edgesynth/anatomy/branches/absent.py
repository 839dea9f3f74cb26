"""Stand-ins for a removed branch: tensors and modules that compute nothing.

A forward method often calls a branch among other work, such as `x + self.attention(x)`. So the modules of a removed
branch are replaced by one that returns an `Absent` tensor, which has a shape and no values. Whatever is computed from
it is absent too and takes no time. Added to a stream, it gives the stream. So nothing of the branch is left, neither in
the network nor in its export: no layer, no normalization and no addition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

WRITING_SUMS = ("add_", "sub_", "subtract_", "__iadd__", "__isub__")
ADDING = ("add", "add_", "__add__", "__radd__", "__iadd__")
SUBTRACTING = ("sub", "sub_", "subtract", "subtract_", "__sub__", "__isub__")
JOINING = ("cat", "concat", "concatenate")
Structure = Any  # plain values: see `structure_of`


@dataclass(frozen=True)
class Traits:
    """How an absent tensor behaves.

    Attributes:
        joined: it stands for channels that were joined to others, rather than for an operand of an addition.
        copied: the result without it is a copy of the stream, because the network writes into one of the two.
    """

    joined: bool = False
    copied: bool = False


class Absent(Tensor):
    """A tensor of zeros of which only shape and number format are known.

    Added to a tensor, it gives that tensor. A concatenation leaves it out if it is joined: its channels are gone.

    Attributes:
        traits: how it behaves.
        stream: the tensor that was added to it in place; it stands for that tensor from then on.
    """

    traits: Traits = Traits()
    stream: Tensor | None = None

    @staticmethod
    def of(shape: Sequence[int], dtype: torch.dtype, traits: Traits = Traits()) -> Absent:
        """An absent tensor of a shape."""
        with _untraced():
            return _absent(torch.empty(tuple(shape), dtype=dtype, device="meta"), traits)

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """The stream of an addition, what is left of a concatenation, or an absent result of anything else."""
        args, kwargs = tree_map(_present, (tuple(args), kwargs or {}))
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Absent)]
        if not given:
            return func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        traits = Traits(any(leaf.traits.joined for leaf in given), any(leaf.traits.copied for leaf in given))
        if name in (*ADDING, *SUBTRACTING):
            operands = [*args, *(kwargs[word] for word in ("input", "other") if word in kwargs)][:2]
            if (stream := _stream(name, operands)) is not None:
                return _summed(name, operands[0], stream, traits)
        if name in JOINING and (kept := _kept(args[0] if args else kwargs["tensors"])):
            if len(kept) == 1:
                return kept[0].clone() if traits.copied else kept[0]
            return func(kept, *args[1:], **{key: value for key, value in kwargs.items() if key != "tensors"})
        return _computed(func, args, kwargs, given[0], traits)

    def __deepcopy__(self, memo: dict[int, Any]) -> Absent:
        """Itself: nothing in it can change."""
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Plain values, for pickle."""
        return _rebuilt, (tuple(self.shape), self.dtype, *astuple(self.traits))

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        """Its type and shape."""
        return f"Absent{tuple(self.shape)}"


class Skipped(nn.Module):
    """Stand-in for a block whose branches are all gone: it returns its input."""

    def forward(self, stream: Any, *args: Any, **kwargs: Any) -> Any:
        """The first input."""
        return stream


class AbsentModule(nn.Module):
    """Stand-in for a module of a removed branch.

    Args:
        structure: of the module's outputs, see `structure_of`.
        traits: see `Absent`.
    """

    def __init__(self, structure: Structure, traits: Traits) -> None:
        super().__init__()
        self.structure = structure
        self.traits = traits

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The module's outputs, absent, in the number format of its inputs."""
        with _untraced():
            tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor) and leaf.ndim]
            inputs = _size(tensors[0].shape[0]) if tensors else 0
            dtype = tensors[0].dtype if tensors and tensors[0].dtype.is_floating_point else None
            return _built(self.structure, inputs, dtype, self.traits)

    def extra_repr(self) -> str:
        """The structure of its outputs."""
        return str(self.structure)


def structure_of(outputs: Any, inputs: int) -> Structure:
    """Plain values that describe the outputs of a module.

    Those of a tensor are its `shape`, its `dtype` and `per_input`. The last is its first size divided by the number of
    inputs, or 0 if the first size does not depend on that number.

    Args:
        outputs: of the module.
        inputs: number of inputs, 0 if that is not known.

    Raises:
        TypeError: an output is neither a tensor nor None, nor a list, tuple or dict of these.
    """
    if outputs is None:
        return None
    if isinstance(outputs, Tensor):
        first = outputs.shape[0] if outputs.ndim else 0
        per_input = first // inputs if first == inputs or (inputs > 1 and first % inputs == 0) else 0
        dtype = str(outputs.dtype).removeprefix("torch.")
        return {"shape": list(outputs.shape), "dtype": dtype, "per_input": per_input if inputs else 0}
    if type(outputs) in (list, tuple):
        return {type(outputs).__name__: [structure_of(each, inputs) for each in outputs]}
    if isinstance(outputs, dict):
        return {"dict": {name: structure_of(each, inputs) for name, each in outputs.items()}}
    raise TypeError(f"a value of type {type(outputs).__name__}")


def dtype_named(structure: Structure) -> torch.dtype:
    """Number format of a tensor that `structure_of` described."""
    dtype: torch.dtype = getattr(torch, structure["dtype"])
    return dtype


def _built(structure: Structure, inputs: int, dtype: torch.dtype | None, traits: Traits) -> Any:
    """Absent outputs of a structure, for another number of inputs and in another floating-point format."""
    if structure is None:
        return None
    if "shape" in structure:
        shape, known = list(structure["shape"]), dtype_named(structure)
        if structure["per_input"] and inputs:
            shape[0] = structure["per_input"] * inputs
        return Absent.of(shape, dtype if dtype and known.is_floating_point else known, traits)
    if "dict" in structure:
        return {name: _built(each, inputs, dtype, traits) for name, each in structure["dict"].items()}
    ((kind, items),) = structure.items()
    built = [_built(each, inputs, dtype, traits) for each in items]
    return tuple(built) if kind == "tuple" else built


def _stream(name: str, operands: Sequence[Any]) -> Tensor | None:
    """The tensor that an absent one is added to or subtracted from; None where that is a number, or absent too."""
    if len(operands) < 2 or not any(isinstance(each, Absent) for each in operands):
        return None
    absent = next(each for each in operands if isinstance(each, Absent))
    for each in operands[:1] if name in SUBTRACTING else operands:
        if isinstance(each, Tensor) and not isinstance(each, Absent) and each.ndim >= absent.ndim:
            return each
    return None


def _summed(name: str, first: Any, stream: Tensor, traits: Traits) -> Tensor:
    """The sum of a stream and an absent tensor: the stream, or a copy where the stream is to stay as it is."""
    if name in WRITING_SUMS and first is stream:
        return stream
    result = stream.clone() if traits.copied else stream
    if name in WRITING_SUMS:
        first.stream = result
    return result


def _kept(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The tensors that are left of a concatenation; empty if one of them has no values."""
    kept = [each for each in tensors if not (isinstance(each, Absent) and each.traits.joined)]
    return [] if any(isinstance(each, Absent) for each in kept) else kept


def _computed(
    func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], first: Absent, traits: Traits
) -> Any:
    """The absent result of a function of absent tensors, from their shapes alone.

    The shapes are those of the traced network, and may not fit the function if the network is given images of another
    size. The result then has the shape of the first absent tensor.
    """
    with torch._C.DisableTorchFunctionSubclass(), _untraced():
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        dtype = next((leaf.dtype for leaf in tensors if leaf.dtype.is_floating_point), torch.float32)
        shapes = tree_map(lambda leaf: _shape_alone(leaf, dtype), (args, kwargs))
        try:
            result = func(*shapes[0], **shapes[1])
        except RuntimeError:
            result = torch.empty(tuple(first.shape), dtype=dtype, device="meta")
        return tree_map(lambda leaf: _absent(leaf, traits) if isinstance(leaf, Tensor) else leaf, result)


def _present(leaf: Any) -> Any:
    """The tensor that an absent one stands for, if there is one; anything else as it is."""
    while isinstance(leaf, Absent) and leaf.stream is not None:
        leaf = leaf.stream
    return leaf


def _shape_alone(leaf: Any, dtype: torch.dtype) -> Any:
    if isinstance(leaf, Tensor) and not leaf.is_meta and leaf.ndim == 0 and leaf.dtype == torch.int64:
        return int(leaf)  # a size, as torch.jit.trace hands it on
    if isinstance(leaf, Tensor):
        own = dtype if leaf.dtype.is_floating_point else leaf.dtype
        return torch.empty(tuple(map(_size, leaf.shape)), dtype=own, device="meta")
    return _size(leaf) if isinstance(leaf, torch.SymInt) else leaf


def _size(size: Any) -> int:
    """A size as a number; for a symbolic size of an exporter, that of its example, so that it stays symbolic."""
    hint = size.node.hint if isinstance(size, torch.SymInt) else size
    return int(size if hint is None else hint)


def _absent(tensor: Tensor, traits: Traits) -> Absent:
    absent: Absent = tensor.as_subclass(Absent)
    absent.traits = traits
    return absent


def _rebuilt(shape: tuple[int, ...], dtype: torch.dtype, joined: bool, copied: bool) -> Absent:
    return Absent.of(shape, dtype, Traits(joined, copied))


@contextmanager
def _untraced() -> Iterator[None]:
    """Keep what is computed out of the graph of whatever traces the network."""
    tracer: Any = torch._C
    state = tracer._get_tracing_state()
    tracer._set_tracing_state(None)
    try:
        with _disable_current_modes():
            yield
    finally:
        tracer._set_tracing_state(state)
