"""Kernels of a torch network as the boards' cost model counts them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from edgesynth.export.onnx.onnx_file import OPSET, to_onnx
from edgesynth.planning.cost import Layer, read_layers
from edgesynth.planning.cost.layers import PRODUCTS


def other_kernels_of(model: nn.Module, input_shape: Sequence[int], opset: int = OPSET) -> tuple[Layer, ...]:
    """The kernels other than convolutions and linear layers, after TensorRT's fusions.

    Args:
        model: takes images (N, C, H, W).
        input_shape: (C, H, W).
        opset: 13 to 18.

    Raises:
        UserError: the network cannot be written as ONNX, or has arithmetic that the cost model does not count.
    """
    with tempfile.TemporaryDirectory(prefix="edgesynth-") as folder:
        file = Path(folder) / "model.onnx"
        to_onnx(model, input_shape, file, opset)
        return tuple(layer for layer in read_layers(str(file)) if layer.kind not in PRODUCTS or not layer.weights)
