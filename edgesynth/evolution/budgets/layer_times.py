"""Layer times: the time of each layer of a network at any width, by a source of times such as a measured grid.

A source knows layers by their shapes. The shapes of an ancestor's layers are recorded once, while it runs; a removal
changes only widths. The operators beside the layers are read from the ancestor's file. Their sizes are assumed to
shrink in proportion to the number of values that the layers write.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from edgesynth.anatomy import Anatomy, Census
from edgesynth.anatomy.groups import layer_name
from edgesynth.boards.probed import LayerShape, convolution_shape, linear_shape
from edgesynth.boards.probed.grid import Beside, any_inputs
from edgesynth.lineage import Species
from edgesynth.planning.cost import LayerCost, Prediction
from edgesynth.planning.cost.times import LatencyTimes

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


class LayerTimes:
    """Times of an ancestor's layers, and of what removal leaves of them.

    Args:
        anatomy: of the ancestor.
        input_shape: (C, H, W) of one input.
        times: the source.
        beside: operators beside the ancestor's layers.

    Attributes:
        times: the source.
        shapes: shape of each call of a layer, in the order of `Anatomy.layers`. It is None for layers that no source
            knows: recurrent and transposed ones, and linear layers of several rows. These cost nothing here, because
            the file has them among the operators beside the layers.
        constant_ms: time of the ancestor beside its layers.
    """

    def __init__(
        self, anatomy: Anatomy, input_shape: Sequence[int], times: LatencyTimes, beside: Sequence[Beside] = ()
    ) -> None:
        self._anatomy = anatomy
        self._beside = tuple(beside)
        self.times = times
        self.shapes = layer_shapes(anatomy, input_shape)
        self.constant_ms = times.call_ms + sum(times.beside_ms(operators) for operators in beside)
        self._whole = anatomy.census()
        self._asked: dict[tuple[LayerShape, bytes, bytes], np.ndarray] = {}

    def table(self, place: int, reads: np.ndarray, writes: np.ndarray) -> np.ndarray:
        """Times of a layer at other widths.

        Args:
            place: of its call in `Anatomy.layers`.
            reads: (n,) sizes of the input dimension of its weight, those of one group; at least 1.
            writes: (m,) sizes of the output dimension of its weight, at least 1.

        Returns:
            (n, m), ms of one batch.

        Raises:
            UserError: the source knows no such layer, or none as wide.
        """
        shape = self.shapes[place]
        if shape is None:
            return np.zeros((len(reads), len(writes)))
        inputs, outputs = np.asarray(reads) * shape.groups, np.asarray(writes)
        # Blocks of a stage are alike, and every trial of a draw asks for the same widths again.
        asked = any_inputs(shape), inputs.tobytes(), outputs.tobytes()
        if asked not in self._asked:
            self._asked[asked] = self.times.times_ms(shape, inputs.tolist(), outputs.tolist())
        return self._asked[asked]

    def predict(self, census: Census, precision: str) -> Prediction:
        """Latency of what removal leaves; its layers are in the order of the anatomy's weights.

        Raises:
            UserError: see `table`.
        """
        left = {
            weight: layer for weight, layer in zip(self._anatomy.weights(), census.layers, strict=True) if layer.macs
        }
        spent = dict.fromkeys(left, 0.0)
        for place, call in enumerate(self._anatomy.layers):
            if call.weight not in left:
                continue  # gone with a branch
            shape = left[call.weight].shape
            writes, reads = shape[call.written], shape[1 - call.written]
            spent[call.weight] += float(self.table(place, np.array([reads]), np.array([writes]))[0, 0])
        share = _written(census) / _written(self._whole)
        beside_ms = [
            self.times.beside_ms(operators._replace(elements=max(round(share * operators.elements), 1)))
            for operators in self._beside
        ]
        layers = [
            LayerCost(left[weight].name, "layer", ms, "compute", left[weight].macs, 0, measured=True)
            for weight, ms in spent.items()
        ]
        layers += [
            LayerCost(operators.op, "beside", ms, "memory", 0, 0, measured=True)
            for operators, ms in zip(self._beside, beside_ms, strict=True)
        ]
        latency_ms = self.times.call_ms + sum(layer.latency_ms for layer in layers)
        return Prediction(
            board=self.times.machine,
            mode=self.times.mode,
            precision=precision,
            batch=1,
            latency_ms=latency_ms,
            images_per_s=1e3 / latency_ms,
            watts=None,
            energy_mj_per_image=None,
            error=None,
            energy_error=None,
            bound_by="compute",
            layers=tuple(layers),
            notes=(),
            measured_share=1.0,
        )


def times_of(species: Species) -> LayerTimes | None:
    """Times of a species' layers on this machine; None where the run does not aim at it."""
    if species.times is None:
        return None
    return LayerTimes(species.anatomy, species.input_shape, species.times, species.beside)


def layer_shapes(anatomy: Anatomy, input_shape: Sequence[int]) -> tuple[LayerShape | None, ...]:
    """The shape of each call of a layer, in the order of `Anatomy.layers`; see `LayerTimes.shapes`.

    Args:
        anatomy: of the network.
        input_shape: (C, H, W) of one input.
    """
    model = copy.deepcopy(anatomy.model).eval()
    modules = {layer_name(call.weight): model.get_submodule(layer_name(call.weight)) for call in anatomy.layers}
    seen: dict[str, list[LayerShape | None]] = {name: [] for name in modules}
    for name, module in modules.items():
        module.register_forward_pre_hook(
            lambda module, inputs, name=name: seen[name].append(_shape(module, tuple(inputs[0].shape)))
        )
    with torch.no_grad():
        model(torch.zeros(1, *input_shape))
    calls = {name: iter(shapes) for name, shapes in seen.items()}
    return tuple(next(calls[layer_name(call.weight)], None) for call in anatomy.layers)


def _shape(module: nn.Module, read: tuple[int, ...]) -> LayerShape | None:
    """The shape of a layer, given that of its input, (1, C, ...); None if no source knows it."""
    if isinstance(module, nn.Linear):
        return linear_shape(module.in_features) if len(read) == 2 else None
    if not isinstance(module, _CONVOLUTIONS) or isinstance(module.padding, str) or module.padding_mode != "zeros":
        return None
    attributes = {
        "strides": list(module.stride),
        "dilations": list(module.dilation),
        "pads": [*module.padding, *module.padding],
    }
    return convolution_shape(tuple(module.weight.shape), read[2:], module.groups, attributes)


def _written(census: Census) -> int:
    """Number of values that layers write for one input, derived from their MACs."""
    return sum(layer.macs // math.prod(layer.shape) * layer.shape[0] for layer in census.layers if layer.macs)
