"""What the modules of a network give while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any

from torch import nn

from edgesynth.anatomy.branches.absent import Structure, structure_of


@contextmanager
def recorded_outputs(model: nn.Module, names: AbstractSet[str]) -> Iterator[dict[str, Structure]]:
    """{module: what it gave last}, filled while the network runs; without those whose outputs have no plain form.

    Args:
        model: the network; its own hooks stay as they are.
        names: of modules.
    """
    structures: dict[str, Structure] = {}

    def listening_to(name: str) -> Any:
        def record(module: nn.Module, inputs: Any, outputs: Any) -> None:
            try:
                structures[name] = structure_of(outputs)
            except TypeError:
                structures.pop(name, None)

        return record

    handles = [
        module.register_forward_hook(listening_to(name)) for name, module in model.named_modules() if name in names
    ]
    try:
        yield structures
    finally:
        for handle in handles:
            handle.remove()
