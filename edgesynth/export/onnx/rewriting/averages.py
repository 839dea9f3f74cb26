"""Average pooling with a rounded up output size, where the last window may reach over the edge.

torch divides by the number of elements within the edge, and yet writes `count_include_pad`. A runtime that counts the
elements over the edge as padding then divides by the full window: ONNX Runtime does so in INT8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def unpad_averages(model: onnx.ModelProto) -> None:
    """Clear `count_include_pad` of every average without padding, in place: the result is then defined."""
    for node in model.graph.node:
        given = {item.name: item for item in node.attribute}
        padded = "pads" in given and any(given["pads"].ints)
        if node.op_type == "AveragePool" and "count_include_pad" in given and not padded:
            given["count_include_pad"].i = 0
