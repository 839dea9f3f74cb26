"""Times from the cost model of a board that is not at hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgesynth.boards.board import Board
from edgesynth.boards.probed import LayerShape
from edgesynth.boards.probed.grid import Beside
from edgesynth.boards.probed.shape import DEPTHWISE, LINEAR
from edgesynth.boards.table import find_board
from edgesynth.planning.cost.fitted import EFFICIENCY
from edgesynth.planning.cost.layers import COPY, ELEMENTWISE, NORMALIZATION, POOLING, Layer, product
from edgesynth.planning.cost.onnx_operators import ACTIVATIONS, FREE, NORMALIZATIONS, POOLINGS, SCALES
from edgesynth.planning.cost.prediction import machine_of
from edgesynth.planning.cost.roofline import seconds
from edgesynth.planning.cost.times.times import LatencyTimes


class BoardTimes(LatencyTimes):
    """Predicted times of a board.

    Args:
        board: one of the table, or its name.
        precision: "fp32", "fp16" or "int8"; int8 counts as fp32 where the GPU has no INT8 units.
        batch: images per call, at least 1.
        mode: the power mode by name; the fastest by default.

    Raises:
        UserError: there is no such board or mode, or no source gives its clocks.
    """

    def __init__(self, board: str | Board, precision: str = "fp16", batch: int = 1, mode: str | None = None) -> None:
        named = find_board(board) if isinstance(board, str) else board
        power_mode = named.mode(mode)
        effective = "fp32" if precision == "int8" and not named.native_int8 else precision
        self._machine = machine_of(named, power_mode, effective)
        self._batch = batch
        self.call_ms = EFFICIENCY.call_ms
        self.machine, self.mode = named.title, power_mode.name
        self.source = f"predicted for {named.title} at {precision}"

    def times_ms(self, layer: LayerShape, inputs: Sequence[int], outputs: Sequence[int]) -> np.ndarray:
        """See `LatencyTimes.times_ms`."""
        rows = [outputs] * len(inputs) if layer.op == DEPTHWISE else [[width] * len(outputs) for width in inputs]
        return np.array(
            [
                [self.layer_ms(_layer(layer, read, written)) for read, written in zip(row, outputs, strict=True)]
                for row in rows
            ]
        ).reshape(len(inputs), len(outputs))

    def beside_ms(self, beside: Beside) -> float:
        """See `LatencyTimes.beside_ms`.

        TensorRT fuses activations and scales into the layer before them, so a group of nothing else costs only the
        reading of a residual input. Any other group runs as one kernel.
        """
        ops = set(beside.op.split("+"))
        if ops <= ACTIVATIONS | SCALES | FREE:
            residual = beside.elements // 3 if "Add" in ops else 0
            moved = Layer("residual", ELEMENTWISE, reads=residual, writes=0)
            return self.layer_ms(moved) - EFFICIENCY.kernel_us * 1e-3
        kind = POOLING if ops & POOLINGS or any(op.startswith("Reduce") for op in ops) else COPY
        kind = NORMALIZATION if ops & NORMALIZATIONS else kind
        return self.layer_ms(Layer(beside.op, kind, reads=beside.elements, writes=0))

    def layer_ms(self, layer: Layer) -> float:
        """Time of a layer in the form of the cost model, ms for the batch."""
        return 1e3 * seconds(layer, self._batch, self._machine, EFFICIENCY).total


def _layer(shape: LayerShape, inputs: int, outputs: int) -> Layer:
    """A layer in the form of the cost model."""
    if shape.op == LINEAR:
        return product("linear", (outputs, inputs), 1)
    groups = outputs if shape.op == DEPTHWISE else shape.groups
    rows, positions = 1, 1
    rank = len(shape.window)
    for axis, (size, window) in enumerate(zip(shape.size, shape.window, strict=True)):
        padded = size + shape.pads[axis] + shape.pads[rank + axis]
        rows *= (padded - shape.dilations[axis] * (window - 1) - 1) // shape.strides[axis] + 1
        positions *= size
    strided = set(shape.strides) | set(shape.dilations) != {1}
    weight = (outputs, max(inputs // groups, 1), *shape.window)
    return product("convolution", weight, rows, inputs * positions, groups, strided)
