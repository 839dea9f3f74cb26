"""Which layers of a network can be had at which precision."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from edgesynth.quantization.number_formats import FP32, has_scale

WEIGHT_SCALE, INPUT_SCALE = "weight_scale", "input_scale"  # "<layer>.weight_scale": (out,), "<layer>.input_scale": ()


def layer_of(weight: str) -> str:
    """Name of the module that has a weight."""
    return weight.rpartition(".")[0]


def owners(network: nn.Module, weight: str) -> dict[str, nn.Module]:
    """{name: module} of all convolutions and linear layers whose weight is this one; more than one where it is shared.

    Args:
        network: any.
        weight: name of a parameter, such as `conv1.weight`.
    """
    parameter = network.get_parameter(weight)
    return {name: module for name, module in network.named_modules() if module._parameters.get("weight") is parameter}


def refusals(
    network: nn.Module, weights: Iterable[str], example: Tensor, precisions: Iterable[str]
) -> dict[tuple[str, str], str]:
    """Why a weight cannot be had at a precision; what is not named can.

    Args:
        network: the ancestor's, in evaluation mode.
        weights: names of its convolutions' and linear layers' weights.
        example: (N, C, H, W), one input.
        precisions: those of interest.

    Returns:
        {(weight, precision): reason}.
    """
    called = _called(network, example)
    refused = {}
    for weight in weights:
        for precision in precisions:
            reasons = [_refusal(module, precision, called) for module in owners(network, weight).values()]
            if precision != FP32 and (not reasons or any(reasons)):
                refused[weight, precision] = "".join(reasons[:1]) or "it is a weight outside a layer of its own"
    return refused


def _refusal(module: nn.Module, precision: str, called: set[nn.Module]) -> str:
    transposed = isinstance(module, nn.modules.conv._ConvTransposeNd)
    if not isinstance(module, (nn.modules.conv._ConvNd, nn.Linear)):
        return f"{type(module).__name__} is neither a convolution nor a linear layer"
    if module not in called:
        return "the network uses its weight without calling it, so that its input cannot be reached"
    if transposed and has_scale(precision):
        return "TensorRT has no symmetric INT8 form of a transposed convolution with a scale for each output channel"
    return ""


def _called(network: nn.Module, example: Tensor) -> set[nn.Module]:
    """Modules that are called when the network runs."""
    called: set[nn.Module] = set()
    hooks = [
        module.register_forward_pre_hook(lambda module, inputs: called.add(module)) for module in network.modules()
    ]
    modes = {module: module.training for module in network.modules()}
    try:
        with torch.no_grad():
            network.eval()(example)
    finally:
        for module, mode in modes.items():
            module.training = mode
        for hook in hooks:
            hook.remove()
    return called
