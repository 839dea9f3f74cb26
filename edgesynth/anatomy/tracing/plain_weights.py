"""How a network whose weights are computed in every forward is given plain ones, which all can be cut."""

from __future__ import annotations

from torch import nn
from torch.nn.utils import parametrize, prune


def plain_weights_advice(model: nn.Module) -> str:
    """What makes plain weights of those that torch's own tools compute in this network; empty if there are none."""
    ways = []
    modules = list(model.modules())
    hooks = {type(hook).__name__ for module in modules for hook in module._forward_pre_hooks.values()}
    if any(parametrize.is_parametrized(module) for module in modules):
        ways.append("torch.nn.utils.parametrize.remove_parametrizations")
    if prune.is_pruned(model):
        ways.append("torch.nn.utils.prune.remove")
    for name, function in (("WeightNorm", "remove_weight_norm"), ("SpectralNorm", "remove_spectral_norm")):
        if name in hooks:
            ways.append(f"torch.nn.utils.{function}")
    return f"{' and '.join(ways)} makes plain weights of computed ones" if ways else ""
