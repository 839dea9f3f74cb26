"""Ranges: the largest magnitude of every activation, from which a board writes its TensorRT calibration cache.

TX1 and TX2 refuse a file with Q/DQ nodes; their INT8 path is model.onnx and such a cache, whose text depends on the
version of TensorRT. So the bundle carries the figures, by the names of the ONNX tensors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from edgesynth.export.calibration import METHODS, Reader, prepared
from edgesynth.export.onnx_file import data_file

SCHEMA = 1
UNSEEN = 1.0  # amax of a tensor that was zero on every image: any scale holds that zero, and a scale must not be 0


def measure_ranges(path: Path, images: Tensor, method: str) -> dict[str, Any]:
    """Find the largest magnitude of every activation tensor of a model.

    Args:
        path: a plain fp32 ONNX file.
        images: (K, C, H, W), float32: the calibration images.
        method: a key of `METHODS`.

    Returns:
        What ranges.json holds: `amax` is {tensor: max(|low|, |high|)} in the order of the graph.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, create_calibrator

    with prepared(path) as model:
        calibrator = create_calibrator(
            str(model),
            augmented_model_path=str(model.with_name("augmented.onnx")),
            calibrate_method=CalibrationMethod[METHODS[method].name],
            use_external_data_format=data_file(path) is not None,
            extra_options={"percentile": METHODS[method].percentile},
        )
        reader = Reader(images)
        for batch in range(len(reader)):
            reader.set_range(batch, batch + 1)
            calibrator.collect_data(reader)
        found = {name: _amax(data.range_value) for name, data in calibrator.compute_data().items()}
    graph = onnx.load(str(path), load_external_data=False).graph
    order = [value.name for value in graph.input] + [name for node in graph.node for name in node.output]
    amax = {name: found[name] for name in order if name in found}
    return {"schema": SCHEMA, "model": path.name, "method": method, "images": len(images), "amax": amax}


def _amax(bounds: tuple[Any, Any]) -> float:
    # Not max(low, high), which newer versions of ONNX Runtime write: wrong for a tensor that is mostly negative.
    largest = max(float(np.abs(bound).max()) for bound in bounds)
    return largest or UNSEEN
