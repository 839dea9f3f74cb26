"""In what order a network's numbers lie in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from edgesynth.anatomy.tracing.export import evaluating


def choose_layout(network: nn.Module, input_shape: Sequence[int]) -> nn.Module:
    """The network, prepared for `in_layout`; so are copies of it, whole or cut.

    One whose forward takes views that channels_last does not allow, such as `x.view(len(x), -1)` of a convolution's
    output, will stay as it is and put its inputs in the same order: augmented images come in channels_last.

    Args:
        network: on any device; it is run once, so that nothing may be listening yet.
        input_shape: (C, H, W) of one input.
    """
    if not (_is_plain(network) or _runs_in_channels_last(network, input_shape)):
        network.register_forward_pre_hook(_in_order)
    return network


def in_layout(network: nn.Module) -> nn.Module:
    """The network, in place, in channels_last, unless another layout was chosen for it.

    A convolution of LeNet-5's size is then up to ten times as fast on a CPU.
    """
    return network if _is_plain(network) else network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _is_plain(network: nn.Module) -> bool:
    return _in_order in network._forward_pre_hooks.values()


def _in_order(network: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_contiguous(given) if isinstance(given, Tensor) else given for given in inputs)


def _contiguous(images: Tensor) -> Tensor:
    """Along one channel any stride counts as contiguous, and a convolution goes by it all the same."""
    plain = [math.prod(images.shape[axis + 1 :]) for axis in range(1, images.ndim)]
    return images if list(images.stride()[1:]) == plain else images.clone(memory_format=torch.contiguous_format)


def _runs_in_channels_last(network: nn.Module, input_shape: Sequence[int]) -> bool:
    weight = next(network.parameters(), torch.empty(0))
    inputs = torch.zeros((2, *input_shape), device=weight.device, dtype=weight.dtype)
    cuda = [weight.device] if weight.device.type == "cuda" else []
    with evaluating(network), torch.no_grad(), torch.random.fork_rng(devices=cuda), _ChannelsLast():
        try:
            network(inputs)
        except RuntimeError:
            return False
    return True


class _ChannelsLast(TorchFunctionMode):
    """Within it, convolutions give channels_last; which they really give depends on sizes, gradients and threads."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call it, and lay its outputs out."""
        output = func(*args, **(kwargs or {}))
        if func in (torch.conv2d, torch.conv_transpose2d) and output.ndim == 4:
            return output.contiguous(memory_format=torch.channels_last)
        return output
