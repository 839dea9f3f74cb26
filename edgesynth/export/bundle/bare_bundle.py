"""Bare bundle: a network in every form that an engine may take for one precision, without samples.

Only the board knows its engine and whether its GPU has INT8 units. So all forms are sent, and `benchmark` takes the one
that fits, as from a complete bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from edgesynth.benchmark.bundle.bundle import SCHEMA
from edgesynth.export.bundle.bundle import MODEL, RANGES
from edgesynth.export.bundle.manifest import MANIFEST, file_facts
from edgesynth.export.calibration import bounds_of, observe
from edgesynth.export.half.half import FILE as HALF
from edgesynth.export.half.half import to_half
from edgesynth.export.int8.calibration_choice import PLAIN
from edgesynth.export.int8.dialects import DIALECTS
from edgesynth.export.int8.int8 import check_size, quantize
from edgesynth.export.int8.learned import floating_layers
from edgesynth.export.int8.ranges import ranges_json
from edgesynth.export.onnx.onnx_file import data_file, form_of
from edgesynth.files.json_file import sealed
from edgesynth.lineage.storage.files import write_json


def complete(
    folder: Path,
    network: nn.Module,
    input_shape: Sequence[int],
    precision: str,
    bred: Mapping[str, str],
    calibration: Callable[[], Tensor],
) -> dict[str, dict[str, Any]]:
    """Make a bare bundle of a folder that holds the plain model.

    INT8 clips nothing, and no layer is put back to floating point for what it costs in accuracy: neither is looked at.

    Args:
        folder: with `MODEL`.
        network: what that was written from.
        input_shape: (C, H, W).
        precision: fp32, fp16 or int8.
        bred: {weight: precision} that the network was trained with, as `Genome.precision`; what was not bred as
            integers, where other layers were, stays in floating point.
        calibration: gives training images, (K, C, H, W), float32; called for int8 alone.

    Returns:
        {key: facts of the model's file}.

    Raises:
        UserError: the network or the images cannot be calibrated.
    """
    models = {"fp32": _facts(folder, MODEL, "plain")}
    if precision == "fp16" and data_file(folder / MODEL) is None:
        to_half(folder / MODEL, folder / HALF)
        models["fp16"] = _facts(folder, HALF, "plain")
    if precision == "int8":
        models.update(_int8(folder, network, bred, calibration()))
    shape = {"input": {"shape": list(input_shape)}}
    manifest = {"schema": SCHEMA, "models": models, **shape, "files": file_facts(folder)}
    write_json(folder / MANIFEST, sealed(manifest))
    return models


def _int8(folder: Path, network: nn.Module, bred: Mapping[str, str], images: Tensor) -> dict[str, dict[str, Any]]:
    """Write the ranges and a model in each dialect."""
    import onnx

    path = folder / MODEL
    check_size(path, "measure at fp16 or fp32")
    bounds = bounds_of(observe(path, images), PLAIN)
    floating = floating_layers(onnx.load(str(path)), network, bred)
    for dialect in DIALECTS:
        quantize(path, dialect, bounds, folder / dialect.file, floating)
    write_json(folder / RANGES, ranges_json(MODEL, bounds, PLAIN, len(images), floating))
    return {
        dialect.key: {**_facts(folder, dialect.file, dialect.name), **dialect.facts(folder / dialect.file)}
        for dialect in DIALECTS
    }


def _facts(folder: Path, file: str, dialect: str) -> dict[str, Any]:
    return {"file": file, "dialect": dialect, **form_of(folder / file)}
