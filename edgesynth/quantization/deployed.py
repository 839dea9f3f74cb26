"""A network as a device would run it: the inputs of its layers rounded to their precision, at scales that are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

from edgesynth.quantization.layers import INPUT_SCALE, owners
from edgesynth.quantization.number_formats import has_scale, largest_level
from edgesynth.quantization.rounding import quantize, to_half

Rounding = Callable[[Tensor], Tensor]


def quantize_inputs(network: nn.Module, precision: Mapping[str, str], scales: Mapping[str, Tensor]) -> nn.Module:
    """Round the input of every layer that has a precision, for good; the weights must lie on their grid already.

    Products are added in float32, which holds the 32-bit sums of an INT8 unit exactly up to 2^24 and an FP16 unit's
    better than it does itself.

    Args:
        network: changed in place, by hooks alone: its class and state stay what they are.
        precision: {weight: precision}; what is not named stays as it is.
        scales: {"<layer>.input_scale": ()} of those at int8 and below.

    Returns:
        The network.
    """
    for weight, kind in precision.items():
        for layer, module in owners(network, weight).items():
            hook_input(module, _rounding(kind, scales.get(f"{layer}.{INPUT_SCALE}")))
    return network


def hook_input(module: nn.Module, rounding: Rounding) -> Any:
    """Round what a layer is given, every time it is called; returns the hook's handle."""
    return module.register_forward_pre_hook(partial(_round_input, rounding), with_kwargs=True)


def _rounding(precision: str, scale: Tensor | None) -> Rounding:
    if not has_scale(precision):
        return to_half
    assert scale is not None
    known, most = scale, largest_level(precision)
    return lambda values: quantize(values, known.to(values.device), most)


def _round_input(
    rounding: Rounding, module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if given:
        return (rounding(given[0]), *given[1:]), named
    return given, {**named, "input": rounding(named["input"])}
