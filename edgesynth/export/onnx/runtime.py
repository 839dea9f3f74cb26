"""Run an ONNX file over a whole split, in batches, by ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edgesynth.benchmark.engines.half_storage import rounding
from edgesynth.benchmark.engines.onnxruntime import EXACT
from edgesynth.export.onnx.exporters import INPUT
from edgesynth.nurture import collect_outputs, inference_batch
from edgesynth.tasks import Stored

BATCH_SIZE = 256


def open_session(path: Path, half_storage: bool = False) -> Any:
    """A session of ONNX Runtime on the CPU that logs nothing: what matters of its errors is raised.

    INT8 is exact in it, so that what is judged by its answers does not depend on the processor of this machine.

    Args:
        path: the ONNX file.
        half_storage: what a file of FP16 types computes is rounded to FP16, as on a device.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry(EXACT, "1")
    model: str | bytes = str(path)
    if half_storage:
        model, options.graph_optimization_level = rounding(onnxruntime, path.read_bytes())
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run_onnx(path: Path, images: Tensor | Stored, half_storage: bool = False) -> Tensor:
    """Outputs (N, ...) of an ONNX file, as ONNX Runtime computes them where INT8 is exact, on images (N, C, H, W).

    A file whose batch is fixed gets batches of that size; the last one is filled up and the surplus dropped. For
    `half_storage` see `open_session`.
    """
    return collect_outputs(_outputs(open_session(path, half_storage), images), len(images))


def _outputs(session: Any, images: Tensor | Stored) -> Iterator[Tensor]:
    size = session.get_inputs()[0].shape[0]
    fixed = isinstance(size, int)
    for chunk in images.split(size if fixed else inference_batch(images, BATCH_SIZE)):
        filled = chunk[torch.arange(size) % len(chunk)] if fixed else chunk
        yield torch.from_numpy(session.run(None, {INPUT: filled.numpy()})[0])[: len(chunk)]
