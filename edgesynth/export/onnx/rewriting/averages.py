"""Averages that round their size up, so that the last window may hang over the edge.

torch divides by what such a window holds, and writes that padding is counted, as it is where there is some. Runtimes
that count what hangs over for padding then divide by the whole window: ONNX Runtime does so once it is INT8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def unpad_averages(model: onnx.ModelProto) -> None:
    """Say of every average without padding, in place, that padding is not counted: the same, and left to no reading."""
    for node in model.graph.node:
        given = {item.name: item for item in node.attribute}
        padded = "pads" in given and any(given["pads"].ints)
        if node.op_type == "AveragePool" and "count_include_pad" in given and not padded:
            given["count_include_pad"].i = 0
