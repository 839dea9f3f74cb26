"""Quantizers on a network while it is trained, by hooks: the network's class and its state's names stay as they are.

While a layer runs, what it sees as its weight is the rounded one; before and after, the trained one is in its place. So
masks, optimizers and all else that handles the network by its parameters' names need not know of the quantizers, and
once they are taken off nothing is left of them: torch.export and a copy of the network see the network alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgesynth.errors import UserError
from edgesynth.quantization.deployed import Rounding, hook_input
from edgesynth.quantization.layers import INPUT_SCALE, WEIGHT_SCALE, layer_of, owners
from edgesynth.quantization.learned_scale import LearnedScale, Start
from edgesynth.quantization.number_formats import has_scale, largest_level
from edgesynth.quantization.rounding import to_half
from edgesynth.quantization.scale_initialization import learnable_scale


class Quantizers:
    """Fake quantization of every layer that has a precision: its weight by output channel, its input as a whole.

    Symmetric, with the same number of bits for both. Scales are learned where the precision has them (int8 to int2);
    fp16 needs none. A batch norm that follows a convolution stays a layer of its own: what is rounded is the
    convolution's weight as it stands, and a scale for each output channel takes up the norm's factor when that is
    folded in later. Biases and normalization stay float32.

    Args:
        network: the hooks are put on it at once; `settle` takes them off.
        precision: {weight: precision}; what is not named is left alone. Empty: nothing happens at all.
        scales: {"<layer>.weight_scale": (out,), "<layer>.input_scale": ()} to start from; what is not named starts at
            the first batch.
        start: gives that start.
    """

    def __init__(
        self,
        network: nn.Module,
        precision: Mapping[str, str],
        scales: Mapping[str, Tensor] | None = None,
        start: Start = learnable_scale,
    ) -> None:
        self.network = network
        self.known, self.start = scales or {}, start
        self.weights: dict[str, Rounding] = {}
        self.scales: dict[str, LearnedScale] = {}
        self.handles: list[Any] = []
        for weight, kind in precision.items():
            self._attach(weight, kind)

    def parameters(self) -> list[nn.Parameter]:
        """What is learned besides the network; no decay should pull at it."""
        return [scale.logarithm for scale in self.scales.values()]

    @torch.no_grad()
    def settle(self, images: Callable[[], Tensor]) -> dict[str, Tensor]:
        """Take the quantizers off and leave the rounded weights in the network.

        Args:
            images: gives (N, C, H, W), from which scales start that have seen no batch; called only if there are any.

        Returns:
            {"<layer>.weight_scale": (out,), "<layer>.input_scale": ()}; every weight is a whole multiple of its scale,
            bit for bit. Empty where the precision has no scales.

        Raises:
            UserError: a layer was never called, so that the scale of its input is not known.
        """
        if not all(scale.started for scale in self.scales.values()):
            parameter = next(self.network.parameters())
            self.network.eval()(images().to(parameter.device))
        for name, scale in self.scales.items():
            if not scale.started:
                raise UserError(
                    f"{layer_of(name)} cannot be quantized: the network never calls it; "
                    f"leave it out with --layer-precision {layer_of(name)}=fp32"
                )
        for weight, rounding in self.weights.items():
            parameter = self.network.get_parameter(weight)
            parameter.copy_(rounding(parameter))
        for handle in self.handles:
            handle.remove()
        return {name: scale.scale.detach().cpu().clone() for name, scale in self.scales.items()}

    def _attach(self, weight: str, kind: str) -> None:
        rows = len(self.network.get_parameter(weight))
        self.weights[weight] = self._rounding(kind, f"{layer_of(weight)}.{WEIGHT_SCALE}", rows)
        for layer, module in owners(self.network, weight).items():
            self.handles.append(hook_input(module, self._rounding(kind, f"{layer}.{INPUT_SCALE}", None)))
            self.handles.extend(_hook_weight(module, self.weights[weight]))

    def _rounding(self, kind: str, name: str, rows: int | None) -> Rounding:
        if not has_scale(kind):
            return to_half
        self.scales[name] = LearnedScale(largest_level(kind), self.start, self.known.get(name), rows)
        return self.scales[name]


def _hook_weight(module: nn.Module, rounding: Rounding) -> tuple[Any, Any]:
    """Show a layer its rounded weight while it runs: an attribute of the instance hides the parameter of that name."""

    def show(module: nn.Module, inputs: Any) -> None:
        module.__dict__["weight"] = rounding(module._parameters["weight"])  # type: ignore[arg-type]

    def hide(module: nn.Module, inputs: Any, outputs: Any) -> None:
        module.__dict__.pop("weight", None)

    return module.register_forward_pre_hook(show), module.register_forward_hook(hide, always_call=True)
