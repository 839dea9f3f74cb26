"""The inputs and outputs of a network's modules, recorded while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from edgesynth.anatomy.branches.absent import Structure, structure_of


@dataclass
class Calls:
    """What is known of the calls of a network's modules.

    Attributes:
        structures: {module: structure of its last outputs}, without modules whose outputs have no plain form.
        streaming: modules that return one tensor, with the shape and number format of their first input and of no other
            input. So if the output is one of the inputs, it is the first. Modules with hooks are left out, because the
            hooks would be lost with the module. So are torch's transformer layers: the encoder reads their parts.
    """

    structures: dict[str, Structure] = field(default_factory=dict)
    streaming: set[str] = field(default_factory=set)


@contextmanager
def recorded_calls(model: nn.Module) -> Iterator[Calls]:
    """The calls of a network's modules, filled while it runs; its own hooks stay as they are."""
    calls, others = Calls(), set[str]()

    def listening_to(name: str) -> Any:
        def record(module: nn.Module, args: Any, kwargs: Any, outputs: Any) -> None:
            try:
                calls.structures[name] = structure_of(outputs, _first_size(args, kwargs))
            except TypeError:
                calls.structures.pop(name, None)
            (calls.streaming if _may_give_its_first(args, kwargs, outputs) else others).add(name)

        return record

    for name, module in model.named_modules():
        if module._forward_hooks or module._forward_pre_hooks or isinstance(module, nn.TransformerEncoderLayer):
            others.add(name)
    handles = [
        module.register_forward_hook(listening_to(name), with_kwargs=True)
        for name, module in model.named_modules()
        if name
    ]
    try:
        yield calls
    finally:
        calls.streaming -= others
        for handle in handles:
            handle.remove()


def _may_give_its_first(args: Any, kwargs: Any, outputs: Any) -> bool:
    if not args or not isinstance(args[0], Tensor) or not isinstance(outputs, Tensor):
        return False
    kinds = [(leaf.shape, leaf.dtype) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    kind = (outputs.shape, outputs.dtype)
    return kinds[0] == kind and kinds.count(kind) == 1


def _first_size(args: Any, kwargs: Any) -> int:
    """The first size of the first tensor that a module is given; 0 where there is none."""
    given = next((leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor) and leaf.ndim), None)
    return 0 if given is None else int(given.shape[0])
