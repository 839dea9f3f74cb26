"""Residual sums: quantize what is added to the output of a quantized convolution.

TensorRT then computes the sum within the convolution, in INT8 (Working with Quantized Types, "residual connections");
with one input in floating point it would write the other back to memory first.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from edgesynth.export.calibration import Bounds

if TYPE_CHECKING:
    import onnx

LEVELS = 127


def quantize_residuals(model: onnx.ModelProto, bounds: Bounds, floating: Collection[str] = ()) -> list[str]:
    """Insert Q and DQ on the residual input of every Add that follows a quantized convolution, in place.

    Of two convolutions the later one takes the sum, and the earlier one's output (a shortcut's) is quantized.

    Args:
        model: Q/DQ nodes at the inputs of its layers.
        bounds: ranges of its activations.
        floating: names of sums that stay in floating point.

    Returns:
        Names of the tensors that were quantized.
    """
    place = {name: index for index, node in enumerate(model.graph.node) for name in node.output}
    readers: dict[str, int] = {}
    for node in model.graph.node:
        for name in node.input:
            readers[name] = readers.get(name, 0) + 1
    nodes = list(model.graph.node)
    residuals: list[str] = []
    inserted: dict[int, list[onnx.NodeProto]] = {}
    for index, node in enumerate(nodes):
        if node.op_type != "Add" or node.name in floating:
            continue
        mains = [
            name
            for name in node.input
            if name in place and readers[name] == 1 and _is_quantized_convolution(nodes, place, name)
        ]
        main = max(mains, key=lambda name: place[name], default=None)
        residual = next((name for name in node.input if name != main), None)
        if main is None or residual not in bounds:
            continue
        inserted[index] = _pair(model, residual, f"{node.name}_residual", bounds[residual])
        node.input[list(node.input).index(residual)] = inserted[index][-1].output[0]
        residuals.append(residual)
    del model.graph.node[:]
    model.graph.node.extend(written for index, node in enumerate(nodes) for written in (*inserted.get(index, []), node))
    return residuals


def _is_quantized_convolution(nodes: list[onnx.NodeProto], place: dict[str, int], name: str) -> bool:
    maker = nodes[place[name]]
    if maker.op_type != "Conv" or maker.input[0] not in place:
        return False
    return nodes[place[maker.input[0]]].op_type == "DequantizeLinear"


def _pair(model: onnx.ModelProto, tensor: str, name: str, bounds: tuple[float, float]) -> list[onnx.NodeProto]:
    """Q and DQ of one scale, and the constants that they read."""
    from onnx import helper, numpy_helper

    scale = np.array(max(map(abs, bounds)) / LEVELS, np.float32)
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(scale, f"{name}_scale"),
            numpy_helper.from_array(np.array(0, np.int8), f"{name}_zero_point"),
        ]
    )
    constants = [f"{name}_scale", f"{name}_zero_point"]
    return [
        helper.make_node("QuantizeLinear", [tensor, *constants], [f"{name}_quantized"], f"{name}_QuantizeLinear"),
        helper.make_node(
            "DequantizeLinear",
            [f"{name}_quantized", *constants],
            [f"{name}_dequantized"],
            f"{name}_DequantizeLinear",
        ),
    ]
