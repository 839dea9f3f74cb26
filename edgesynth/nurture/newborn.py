"""Newborn weights: nothing is inherited but the shape ("trained like a newborn", Deep Learning with Darwin)."""

from __future__ import annotations

import torch
from torch import nn


def newborn(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """Draw a network's weights anew, in place, each module by its own `reset_parameters`.

    Args:
        network: on the CPU, with the untrained ancestor's weights: a module without `reset_parameters` keeps them.
        generator: source of the draws.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(0, 1 << 62, (), generator=generator)))
        for module in network.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
    return network
