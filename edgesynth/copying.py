"""Copies of networks whose hooks and attributes are functions that close over the network.

`copy.deepcopy` takes a function for a constant: a copy's hook `lambda module, inputs, output: self.kept.append(output)`
would go on writing into the network that it was copied from. Here such functions are made anew for each copy, with the
copy's own modules, tensors and containers in place of the originals.
"""

from __future__ import annotations

import copy
import functools
import types
import weakref
from typing import Any

from torch import nn

CONTAINERS = (list, tuple, dict, set)


def copied(model: nn.Module, memo: dict[int, Any] | None = None) -> nn.Module:
    """A deep copy of a network, the functions in it included; so are copies of the copy, however they are made.

    Args:
        model: the network; it is not changed.
        memo: {id of an object: what stands for it in the copy}, as `copy.deepcopy` takes it.
    """
    memo = {} if memo is None else memo
    twin = copy.deepcopy(model, memo)
    _make_own(twin, memo)
    return twin


def make_copyable(model: nn.Module) -> nn.Module:
    """The network itself, prepared so that `copy.deepcopy` of it and of its copies is as good as `copied`."""
    _make_own(model, {})
    return model


class Closure:
    """A function that closes over parts of a network; a deep copy of it closes over the copies of these parts."""

    def __init__(self, function: types.FunctionType) -> None:
        self.function = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.function(*args, **kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> Closure:
        own = Closure(_emptied(self.function))
        memo[id(self)] = memo[id(self.function)] = own
        _fill(own.function, self.function, memo)
        return own


def _make_own(model: nn.Module, memo: dict[int, Any]) -> None:
    """Replace every function that closes over something, in the modules' attributes and hooks."""
    seen: set[int] = set()
    for module in model.modules():
        _own(vars(module), memo, seen)


def _own(value: Any, memo: dict[int, Any], seen: set[int]) -> Any:
    """What stands in a copy for a value that `copy.deepcopy` has been over; containers are changed in place."""
    if isinstance(value, types.FunctionType):
        if not _closes(value):
            return value
        closure = Closure(value)
        return copy.deepcopy(closure, memo) if memo else closure
    if isinstance(value, tuple) and type(value) is tuple:
        items = [_own(item, memo, seen) for item in value]
        return value if all(own is item for own, item in zip(items, value, strict=True)) else tuple(items)
    if isinstance(value, (list, dict)) and id(value) not in seen:
        seen.add(id(value))
        for place, item in list(enumerate(value) if isinstance(value, list) else value.items()):
            own = _own(item, memo, seen)
            if own is not item:
                value[place] = own
    return value


def _closes(function: types.FunctionType) -> bool:
    """Whether a function holds anything by a closure or a default that may belong to a network."""
    held = [*_contents(function), *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    return any(not isinstance(item, (type(None), bool, int, float, str, type)) for item in held)


def _contents(function: types.FunctionType) -> list[Any]:
    contents = []
    for cell in function.__closure__ or ():
        try:
            contents.append(cell.cell_contents)
        except ValueError:  # a name that its maker has not bound yet
            contents.append(None)
    return contents


def _emptied(function: types.FunctionType) -> types.FunctionType:
    """A function of the same code with cells of its own, which hold nothing yet."""
    cells = tuple(types.CellType() for _ in function.__closure__ or ())
    own = types.FunctionType(function.__code__, function.__globals__, function.__name__, None, cells or None)
    functools.update_wrapper(own, function)
    own.__dict__.pop("__wrapped__", None)
    return own


def _fill(own: types.FunctionType, function: types.FunctionType, memo: dict[int, Any]) -> None:
    """Give a function what another one holds, of the copy."""
    for cell, old in zip(own.__closure__ or (), function.__closure__ or (), strict=True):
        try:
            cell.cell_contents = _counterpart(old.cell_contents, memo)
        except ValueError:
            continue
    if function.__defaults__ is not None:
        own.__defaults__ = tuple(_counterpart(item, memo) for item in function.__defaults__)
    if function.__kwdefaults__ is not None:
        own.__kwdefaults__ = {name: _counterpart(item, memo) for name, item in function.__kwdefaults__.items()}


def _counterpart(value: Any, memo: dict[int, Any]) -> Any:
    """The copy's counterpart of `value` in a function's closure; objects outside the network stay shared."""
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, types.FunctionType):
        return copy.deepcopy(Closure(value), memo) if _closes(value) else value
    if isinstance(value, weakref.ref):
        part = value()
        return weakref.ref(memo[id(part)]) if id(part) in memo else value
    if isinstance(value, (*CONTAINERS, types.MethodType, functools.partial, Closure)):
        return copy.deepcopy(value, memo)
    return value
