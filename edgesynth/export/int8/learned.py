"""Scales that an individual learned in training, matched to the layers of its ONNX file; no calibration is needed.

Layers are matched by their weights, not by their names. A batch norm folded into a convolution multiplies each output
channel by a factor, and the learned scale of the channel is multiplied by the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from torch import Tensor, nn

from edgesynth.export.calibration import Bounds
from edgesynth.quantization import INPUT_SCALE, WEIGHT_SCALE, has_scale, largest_level, layer_of, owners

if TYPE_CHECKING:
    import onnx

SAME = 1e-4  # largest distance of a folded weight from a multiple of the learned one, over its largest magnitude
INT8_LEVELS = 127


class Scales(NamedTuple):
    """Of one layer, as INT8 has them.

    Attributes:
        input: scale of the input tensor.
        weight: (out,) scale of each output channel of the weight as it stands in the file.
    """

    input: float
    weight: np.ndarray


LearnedScales = dict[str, Scales]  # {node: scales}


def learned_scales(
    model: onnx.ModelProto, network: nn.Module, precision: Mapping[str, str], scales: Mapping[str, Tensor]
) -> LearnedScales:
    """The learned scales of every layer of a file that matches one weight only.

    Of fewer bits than 8, the levels of a weight are among INT8's; an input keeps its range, in finer levels.

    Args:
        model: the plain fp32 file of the network.
        network: removed, with the individual's weights.
        precision: {weight: precision}, as `Genome.precision`.
        scales: as `Individual.scales`.

    Returns:
        {node: scales}. A layer without learned scales, or one that could be either of two, is not in it.
    """
    learned = {}
    for node, matches in _matches(
        model, network, {name for name, kind in precision.items() if has_scale(kind)}
    ).items():
        if len(matches) == 1:
            ((weight, factor),) = matches.items()
            most = largest_level(precision[weight])
            inputs = max(scales[f"{layer}.{INPUT_SCALE}"].item() for layer in owners(network, weight))
            rows = scales[f"{layer_of(weight)}.{WEIGHT_SCALE}"].numpy()
            learned[node] = Scales(inputs * most / INT8_LEVELS, factor * rows)
    return learned


def floating_layers(model: onnx.ModelProto, network: nn.Module, precision: Mapping[str, str]) -> tuple[str, ...]:
    """Nodes of a file whose layers were bred without integers while others have them: they stay in floating point.

    Args:
        model: the plain fp32 file of the network.
        network: removed, with the individual's weights.
        precision: {weight: precision}, as `Genome.precision`.
    """
    quantized = {name for name, kind in precision.items() if has_scale(kind)}
    if not quantized:
        return ()
    others = {name for name, parameter in network.named_parameters() if parameter.dim() > 1} - quantized
    return tuple(_matches(model, network, others))


def with_learned(bounds: Bounds, model: onnx.ModelProto, learned: Mapping[str, Scales]) -> Bounds:
    """Ranges of activations, with the learned ones in place of the calibrated.

    Where one tensor feeds several layers, it gets the largest of their ranges: nothing is clipped that was not, and the
    layers share one quantized tensor. A tensor that is never negative has no negative half.

    Args:
        bounds: {activation tensor: range}, from calibration.
        model: the plain fp32 file.
        learned: from `learned_scales`.
    """
    ranges = dict(bounds)
    most: dict[str, float] = {}
    for node in model.graph.node:
        if node.name in learned:
            most[node.input[0]] = max(learned[node.name].input * INT8_LEVELS, most.get(node.input[0], 0.0))
    for name, largest in most.items():
        ranges[name] = (-largest if bounds[name][0] < 0 else 0.0, largest)
    return ranges


def _matches(model: onnx.ModelProto, network: nn.Module, names: set[str]) -> dict[str, dict[str, np.ndarray]]:
    """{node: {weight that matches it: (out,) factors of its rows}} for the layers of a file and these weights."""
    from onnx import numpy_helper

    written = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    ours = {name: network.get_parameter(name).detach().numpy() for name in sorted(names)}
    possible = {}
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm") and node.input[1] in written:
            factors = {name: _factor(written[node.input[1]], own) for name, own in ours.items()}
            if matches := {name: factor for name, factor in factors.items() if factor is not None}:
                possible[node.name] = matches
    return possible


def _factor(written: np.ndarray, ours: np.ndarray) -> np.ndarray | None:
    """(out,) magnitudes of the factors from the network's rows to the file's; None if it is another weight."""
    if written.shape != ours.shape:
        return None
    rows, own = written.reshape(len(written), -1).astype(np.float64), ours.reshape(len(ours), -1).astype(np.float64)
    energy = (own * own).sum(axis=1)
    factor = np.where(energy > 0, (rows * own).sum(axis=1) / np.maximum(energy, 1e-300), 1.0)
    distance = np.abs(rows - factor[:, None] * own).max(initial=0.0)
    if distance > SAME * np.abs(rows).max(initial=0.0):
        return None
    return np.where(factor == 0, 1.0, np.abs(factor))
