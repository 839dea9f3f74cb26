"""Newborn weights: nothing is inherited but the shape ("trained like a newborn", Deep Learning with Darwin)."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn


def newborn(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """Draw a network's weights anew, in place, each module by its own `reset_parameters` or `_reset_parameters`.

    Args:
        network: on the CPU. Parameters that no module draws, such as bare ones, stay as they are: as built in a network
            that was built by name or import, which is untrained; `undrawn` tells which they are.
        generator: source of the draws.
    """
    modules = list(network.modules())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(0, 1 << 62, (), generator=generator)))
        for module in modules:
            if reset := _method(module, "reset_parameters"):
                reset()
        # By the other name, as attention's and transformers', they set what their layers have drawn: inner ones first.
        for module in reversed(modules):
            reset = _method(module, "_reset_parameters")
            if reset and not _method(module, "reset_parameters"):
                reset()
    return network


def undrawn(network: nn.Module) -> list[str]:
    """Names of the parameters that `newborn` would leave as they are, in whole or in part.

    Of two copies that differ everywhere, what the same draws leave different is not drawn.
    """
    original, shifted = copy.deepcopy(network), copy.deepcopy(network)
    with torch.no_grad():
        for parameter in shifted.parameters():
            parameter.add_(1)
    pairs = zip(
        newborn(original, torch.Generator()).named_parameters(),
        newborn(shifted, torch.Generator()).parameters(),
        strict=True,
    )
    return [name for (name, parameter), moved in pairs if not torch.equal(parameter, moved)]


def _method(module: nn.Module, name: str) -> Callable[[], object] | None:
    method = getattr(module, name, None)
    return method if callable(method) else None
