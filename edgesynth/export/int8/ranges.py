"""Ranges: the largest magnitude of every activation, from which a board writes its TensorRT calibration cache.

TX1 and TX2 refuse a file with Q/DQ nodes; their INT8 path is model.onnx and such a cache, whose text depends on the
version of TensorRT. So the bundle carries the figures, by the names of the ONNX tensors.
"""

from __future__ import annotations

from typing import Any

from edgesynth.export.calibration import Bounds

SCHEMA = 1


def ranges_json(model: str, bounds: Bounds, method: str, images: int) -> dict[str, Any]:
    """What ranges.json holds.

    Args:
        model: name of the file whose tensors are meant.
        bounds: {activation tensor: (low, high)}, in the order of the graph.
        method: how they were found.
        images: number of calibration images.

    Returns:
        `amax` is {tensor: max(|low|, |high|)}.
    """
    amax = {name: max(abs(low), abs(high)) for name, (low, high) in bounds.items()}
    return {"schema": SCHEMA, "model": model, "method": method, "images": images, "amax": amax}
