"""Layers whose values, sums or constants FP16 cannot hold, by the ranges that calibration saw in the FP32 model.

FP16 ends at 65,504 and has nothing between 0 and 6e-8. Sums within an operator count too: TensorRT makes a norm of
squares, a sum and a root, an average of a sum. Convolutions and matrix products accumulate in FP32; of them, only the
result counts.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgesynth.export.calibration import Histogram

if TYPE_CHECKING:
    import onnx

LARGEST = 65504.0
# Images that calibration has not seen reach further than those that it has.
MARGIN = 2.0
MAX_CHANGE = 0.1  # share by which rounding may change a constant, such as the epsilon of a norm
# What these write are the numbers that they read: where those are too small for FP16, so are these.
MOVING = frozenset(
    {
        "Expand",
        "Reshape",
        "Transpose",
        "Flatten",
        "Squeeze",
        "Unsqueeze",
        "Slice",
        "Split",
        "Concat",
        "Gather",
        "Identity",
        "Tile",
    }
)
MEANS = frozenset({"ReduceMean", "GlobalAveragePool"})
SQUARES = frozenset(
    {
        "InstanceNormalization",
        "LayerNormalization",
        "GroupNormalization",
        "MeanVarianceNormalization",
        "LpNormalization",
    }
)


class Beyond(NamedTuple):
    """A layer that stays in FP32 where all else is FP16.

    Attributes:
        layer: the node's name.
        op: its operator.
        why: what FP16 cannot hold of it.
    """

    layer: str
    op: str
    why: str


def beyond_half(
    model: onnx.ModelProto, seen: Mapping[str, Histogram], lossy: Mapping[str, str] | None = None
) -> list[Beyond]:
    """Layers of a model that FP16 cannot compute.

    Args:
        model: the plain fp32 model.
        seen: {activation tensor: what calibration saw of it}.
        lossy: {tensor: why} that are known to lose too much for another reason.

    Returns:
        Them in the order of the graph. Who writes a tensor that is beyond FP16 is among them, and who reads it.
    """
    from onnx import numpy_helper

    wide = dict(lossy or {})
    wide.update({name: f"values to {_told(tensor.amax)}" for name, tensor in seen.items() if _is_large(tensor.amax)})
    values = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    odd = {name: why for name, value in values.items() if (why := _odd(value))}
    sizes = _sizes(model)
    layers = []
    for node in model.graph.node:
        constants = [odd[name] for name in node.input if name in odd and not _is_idle_bound(node, name, values)]
        moved = [wide[name] for name in node.input if name in wide and node.op_type in MOVING]
        # The sum of something and an epsilon may be as small as that.
        wide.update((name, why) for name in node.output for why in (*constants, *moved) if name not in wide)
        reasons = [wide[name] for name in (*node.output, *node.input) if name in wide]
        if _is_large(within := _within(node, seen, sizes)):
            reasons.append(f"a sum of {_told(within)} within")
        if reasons and node.op_type not in ("Shape", "Size"):
            layers.append(Beyond(node.name, node.op_type, reasons[0]))
    return layers


def _is_large(magnitude: float) -> bool:
    return magnitude > LARGEST / MARGIN


def _told(magnitude: float) -> str:
    return f"{magnitude:,.0f}" if magnitude < 1e9 else f"{magnitude:.3g}"


def _odd(constant: np.ndarray) -> str:
    """Why FP16 cannot hold a constant; empty if it can. A few tiny weights among others may become 0."""
    if constant.dtype != np.float32:
        return ""
    magnitudes = np.abs(constant[constant != 0]).astype(np.float64)
    if magnitudes.size and magnitudes.max() > LARGEST:
        return f"a constant of {magnitudes.max():.3g}"
    rounded = magnitudes.astype(np.float16).astype(np.float64)
    if magnitudes.size and (np.abs(rounded - magnitudes) > MAX_CHANGE * magnitudes).all():
        return f"a constant of {magnitudes.max():.3g}"
    return ""


def _is_idle_bound(node: onnx.NodeProto, name: str, values: Mapping[str, np.ndarray]) -> bool:
    """Whether a constant is a bound that no FP16 number reaches."""
    return node.op_type in ("Clip", "Min", "Max") and np.abs(values[name]).max() > LARGEST


def _within(node: onnx.NodeProto, seen: Mapping[str, Histogram], sizes: Mapping[str, int]) -> float:
    """The largest intermediate sum of an operator, where it exceeds its inputs and outputs; 0 for none."""
    read = seen[node.input[0]].amax if node.input and node.input[0] in seen else 0.0
    written = seen[node.output[0]].amax if node.output[0] in seen else 0.0
    if node.op_type in MEANS:
        return written * sizes.get(node.input[0], 1) / max(1, sizes.get(node.output[0], 1))
    if node.op_type == "AveragePool":
        kernel = next(item.ints for item in node.attribute if item.name == "kernel_shape")
        return written * math.prod(kernel)
    if node.op_type == "ReduceL2":
        return written * written
    if node.op_type in ("ReduceLogSum", "ReduceLogSumExp"):
        return math.exp(min(written, 100.0))
    return read * read if node.op_type in SQUARES else 0.0


def _sizes(model: onnx.ModelProto) -> dict[str, int]:
    """{tensor: numbers in it for one image}, of those whose other sizes are all known."""
    import onnx

    inferred = onnx.shape_inference.infer_shapes(model).graph
    sizes = {}
    for value in (*inferred.value_info, *inferred.input, *inferred.output):
        rest = [dim.dim_value for dim in value.type.tensor_type.shape.dim][1:]
        if all(rest):
            sizes[value.name] = math.prod(rest)
    return sizes


def names_of(layers: Collection[Beyond]) -> list[str]:
    """Names of the nodes."""
    return [layer.layer for layer in layers]
