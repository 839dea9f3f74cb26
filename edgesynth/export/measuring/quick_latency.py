"""A quick measurement of an individual's latency on this machine, which `evolve` prints with its size."""

from __future__ import annotations

import tempfile
from pathlib import Path

from edgesynth.benchmark.measure.quick import measure_model
from edgesynth.errors import UserError
from edgesynth.export.onnx.onnx_file import to_onnx
from edgesynth.lineage import Individual, Species


def quick_latency(opset: int, species: Species, individual: Individual) -> dict[str, float]:
    """Median latency of the removed network, batch 1, one thread, ONNX Runtime.

    Args:
        opset: of the ONNX file.
        species: of the individual.
        individual: the individual.

    Returns:
        {"latency_ms": milliseconds}; empty where it cannot be written as ONNX: no lineage depends on it, and `export`
        says what to do.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        try:
            to_onnx(species.removed(individual), species.input_shape, file, opset)
        except UserError:
            return {}
        return {"latency_ms": measure_model(str(file), species.input_shape)["latency_ms"]["p50"]}
