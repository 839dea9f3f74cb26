"""What stands in a network in place of a branch that is gone.

A branch that adds to a stream is often called within a forward that does more, such as `x + self.attention(x)`. Its
modules are replaced by one that gives an `Absent` tensor: shapes without values. Whatever is computed of it is absent
too and takes no time, and where it is added to a stream the result is the stream. So nothing of the branch is left: no
layer, no normalization and no addition, neither in the network nor in what is exported of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

ADDING = ("add", "add_", "__add__", "__radd__", "__iadd__")
SUBTRACTING = ("sub", "sub_", "subtract", "subtract_", "__sub__", "__isub__")
JOINING = ("cat", "concat", "concatenate")
Structure = Any  # plain values: see `structure_of`


class Absent(Tensor):
    """Zeros of which only shape and number format are known.

    Added to a tensor it gives that tensor. In a concatenation it is left out if it is `joined`: its channels are gone.

    Attributes:
        joined: whether it stands for channels that were joined to others, rather than for what was added.
    """

    joined: bool = False

    @staticmethod
    def of(shape: Sequence[int], dtype: torch.dtype, joined: bool = False) -> Absent:
        """An absent tensor of a shape."""
        with _untraced():
            absent: Absent = torch.empty(tuple(shape), dtype=dtype, device="meta").as_subclass(Absent)
        absent.joined = joined
        return absent

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """The stream where it is added to one; what was not left out of a concatenation; else shapes alone."""
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        if name in (*ADDING, *SUBTRACTING) and (stream := _stream(name, args)) is not None:
            return stream
        if name in JOINING and (kept := _kept(args[0] if args else kwargs["tensors"])):
            return kept[0] if len(kept) == 1 else func(kept, *args[1:], **_without(kwargs, "tensors"))
        joined = any(leaf.joined for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Absent))
        with torch._C.DisableTorchFunctionSubclass(), _untraced():
            result = func(*tree_map(_shape_alone, args), **tree_map(_shape_alone, kwargs))
        return tree_map(lambda leaf: _absent(leaf, joined), result)

    def __deepcopy__(self, memo: dict[int, Any]) -> Absent:
        """Shapes are shared by all copies: nothing in them can change."""
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Plain values, for pickle."""
        return Absent.of, (tuple(self.shape), self.dtype, self.joined)

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        """In words."""
        return f"Absent{tuple(self.shape)}"


class Skipped(nn.Module):
    """In place of a block whose branches are all gone: its input is its output."""

    def forward(self, stream: Any, *args: Any, **kwargs: Any) -> Any:
        """The first input."""
        return stream


class AbsentModule(nn.Module):
    """In place of a module of a branch that is gone.

    Args:
        structure: of what the module gave, as `structure_of` wrote it.
        batch: number of inputs at that time.
        joined: see `Absent`.
    """

    def __init__(self, structure: Structure, batch: int, joined: bool = False) -> None:
        super().__init__()
        self.structure = structure
        self.batch = batch
        self.joined = joined

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module gave, absent."""
        given = next((leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor) and leaf.ndim), None)
        batch = self.batch if given is None else int(given.shape[0])
        return _built(self.structure, self.batch, batch, self.joined)

    def extra_repr(self) -> str:
        """What it gives."""
        return str(self.structure)


def structure_of(outputs: Any) -> Structure:
    """Plain values that tell what a module gave.

    Raises:
        TypeError: it is neither a tensor nor nothing, nor a list, tuple or dict of these.
    """
    if outputs is None:
        return None
    if isinstance(outputs, Tensor):
        return {"shape": list(outputs.shape), "dtype": str(outputs.dtype).removeprefix("torch.")}
    if type(outputs) in (list, tuple):
        return {type(outputs).__name__: [structure_of(each) for each in outputs]}
    if isinstance(outputs, dict):
        return {"dict": {name: structure_of(each) for name, each in outputs.items()}}
    raise TypeError(f"a value of type {type(outputs).__name__}")


def dtype_named(structure: Structure) -> torch.dtype:
    """Number format of a tensor that `structure_of` described."""
    dtype: torch.dtype = getattr(torch, structure["dtype"])
    return dtype


def _built(structure: Structure, known: int, batch: int, joined: bool) -> Any:
    if structure is None:
        return None
    if "shape" in structure:
        first, *others = structure["shape"] or [0]
        shape = [batch if first == known else first, *others] if structure["shape"] else []
        return Absent.of(shape, dtype_named(structure), joined)
    if "dict" in structure:
        return {name: _built(each, known, batch, joined) for name, each in structure["dict"].items()}
    ((kind, items),) = structure.items()
    built = [_built(each, known, batch, joined) for each in items]
    return tuple(built) if kind == "tuple" else built


def _stream(name: str, args: Sequence[Any]) -> Tensor | None:
    """What an absent tensor is added to or subtracted from; None where that is a number, or absent too."""
    first, second = args[0], args[1] if len(args) > 1 else None
    others = [first] if name in SUBTRACTING else [first, second]
    stream = next((each for each in others if isinstance(each, Tensor) and not isinstance(each, Absent)), None)
    absent = first if isinstance(first, Absent) else second
    if stream is None or not isinstance(absent, Absent) or stream.ndim < absent.ndim:
        return None
    return stream


def _kept(tensors: Sequence[Tensor]) -> list[Tensor]:
    """What is left of a concatenation; nothing where not all that is left has values."""
    kept = [each for each in tensors if not (isinstance(each, Absent) and each.joined)]
    return [] if any(isinstance(each, Absent) for each in kept) else kept


def _shape_alone(leaf: Any) -> Any:
    if not isinstance(leaf, Tensor):
        return leaf
    return torch.empty(tuple(int(size) for size in leaf.shape), dtype=leaf.dtype, device="meta")


def _absent(leaf: Any, joined: bool) -> Any:
    if not isinstance(leaf, Tensor):
        return leaf
    absent: Absent = leaf.as_subclass(Absent)
    absent.joined = joined
    return absent


def _without(kwargs: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in kwargs.items() if key != name}


@contextmanager
def _untraced() -> Iterator[None]:
    """Shapes are computed beside whatever traces the network: they are no part of its graph."""
    tracer: Any = torch._C
    state = tracer._get_tracing_state()
    tracer._set_tracing_state(None)
    try:
        with _disable_current_modes():
            yield
    finally:
        tracer._set_tracing_state(state)
