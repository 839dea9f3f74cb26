"""Small files with Q and DQ nodes, and with ONNX's other ways to write INT8."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from benchmarks.compiler_zoo.small.model import model, node, single, weight


def _around(scale: Any, zero: Any, opset: int = 17, **attributes: Any) -> onnx.ModelProto:
    """Q and DQ of the image."""
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"], **attributes),
        node("DequantizeLinear", ["q", "s", "z"], ["out"], **attributes),
    ]
    return model(nodes, weights={"s": np.asarray(scale, np.float32), "z": np.asarray(zero)}, opset=opset)


def _convolution(channels: int = 8, scale: Any = None, axis: int = 0, zero: int = 0) -> onnx.ModelProto:
    """A convolution of a quantized image by quantized weights, with a scale for each channel of them."""
    scales = np.full(channels, 0.01, np.float32) if scale is None else scale
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        node("DequantizeLinear", ["w", "t", "y"], ["v"], axis=axis),
        node("Conv", ["d", "v", "b"], ["out"], pads=[1, 1, 1, 1]),
    ]
    weights = {
        "s": np.float32(0.02),
        "z": np.int8(0),
        "w": (weight(channels, 4, 3, 3) * 100).astype(np.int8),
        "t": scales,
        "y": np.full(scales.shape, zero, np.int8),
        "b": weight(channels),
    }
    return model(nodes, weights=weights)


def _bias() -> onnx.ModelProto:
    nodes = [node("DequantizeLinear", ["b", "s"], ["c"]), node("Add", ["x", "c"], ["out"])]
    return model(nodes, weights={"b": np.int32([[[5]]]), "s": np.float32(0.01)})


_BYTES = {"x": ("UINT8", [1, 4, 16, 16])}
FILES: dict[str, onnx.ModelProto] = {
    "symmetric Q/DQ": _around(0.02, np.int8(0)),
    "UINT8 Q/DQ": _around(0.02, np.uint8(128)),
    "UINT8 Q/DQ, zero-point 0": _around(0.02, np.uint8(0)),
    "asymmetric zero-point": _around(0.02, np.int8(5)),
    "scale of 0": _around(0.0, np.int8(0)),
    "negative scale": _around(-0.02, np.int8(0)),
    "scales of activations' channels": _around([0.02] * 4, np.zeros(4, np.int8), axis=1),
    "INT16 Q/DQ": _around(0.02, np.int16(0), opset=21),
    "opset 21 Q/DQ": _around(0.02, np.int8(0), opset=21),
    "INT8 convolution": _convolution(),
    "INT8 convolution of 6 channels": _convolution(6),
    "one scale of weights": _convolution(scale=np.float32(0.01)),
    "scales of the wrong axis": _convolution(axis=1, scale=np.full(4, 0.01, np.float32)),
    "asymmetric weights": _convolution(zero=3),
    "INT32 DequantizeLinear": _bias(),
    "scale from the caller": single(
        "QuantizeLinear",
        ["x", "s", "z"],
        inputs={"x": ("FLOAT", [1, 4, 16, 16]), "s": ("FLOAT", [])},
        out="INT8",
        weights={"z": np.int8(0)},
    ),
    "QLinearConv": single(
        "QLinearConv",
        ["x", "s", "z", "w", "s", "z", "s", "z"],
        inputs=_BYTES,
        out="UINT8",
        weights={"s": np.float32(0.02), "z": np.uint8(128), "w": np.zeros((8, 4, 3, 3), np.uint8)},
    ),
    "ConvInteger": single(
        "ConvInteger", "xw", inputs=_BYTES, out="INT32", weights={"w": np.zeros((8, 4, 3, 3), np.uint8)}
    ),
    "MatMulInteger": single("MatMulInteger", "xx", inputs=_BYTES, out="INT32"),
    "DynamicQuantizeLinear": model(
        [
            node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
            node("DequantizeLinear", ["q", "s", "z"], ["out"]),
        ]
    ),
}
