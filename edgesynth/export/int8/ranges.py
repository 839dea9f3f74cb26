"""Ranges: the largest magnitude of every activation, by which TensorRT quantizes a plain file on a board.

TX1 and TX2 refuse a file with Q/DQ nodes; their INT8 path is model.onnx and these ranges, in a form that depends on the
version of TensorRT. So the bundle carries the figures, by the names of the ONNX tensors, and the layers that the Q/DQ
file leaves in floating point.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from edgesynth.export.calibration import Bounds

SCHEMA = 2


def ranges_json(model: str, bounds: Bounds, method: str, images: int, floating: Collection[str] = ()) -> dict[str, Any]:
    """What ranges.json holds.

    Args:
        model: name of the file whose tensors are meant.
        bounds: {activation tensor: (low, high)}, in the order of the graph.
        method: how they were found.
        images: number of calibration images.
        floating: names of the nodes that stay in floating point: for their accuracy, or because they were bred so.

    Returns:
        `amax` is {tensor: max(|low|, |high|)}, `floating_point` the names.
    """
    amax = {name: max(abs(low), abs(high)) for name, (low, high) in bounds.items()}
    return {
        "schema": SCHEMA,
        "model": model,
        "method": method,
        "images": images,
        "floating_point": list(floating),
        "amax": amax,
    }
