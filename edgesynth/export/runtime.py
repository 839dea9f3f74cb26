"""Run an ONNX file over a whole split, in batches, by ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from edgesynth.export.onnx_file import INPUT

BATCH_SIZE = 256


def run_onnx(path: Path, images: Tensor) -> Tensor:
    """Outputs (N, classes) of an ONNX file, as ONNX Runtime computes them on this CPU, on images (N, C, H, W)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    batches = (session.run(None, {INPUT: batch.numpy()})[0] for batch in images.split(BATCH_SIZE))
    return torch.cat([torch.from_numpy(outputs) for outputs in batches])
