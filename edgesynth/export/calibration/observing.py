"""Observing: run an ONNX file on calibration images with every activation as an output."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.export.calibration.histogram import Histogram
from edgesynth.export.onnx.onnx_file import save

if TYPE_CHECKING:
    import onnx

MOST_BYTES = 1 << 28  # of all activations of one batch


def observe(path: Path, images: Tensor) -> dict[str, Histogram]:
    """Histograms of every floating-point activation of a model on calibration images.

    Args:
        path: a plain fp32 ONNX file.
        images: (K, C, H, W), float32, K at least 1.

    Returns:
        {tensor: what was seen}, the input first, then in the order of the graph.

    Raises:
        UserError: the images do not fit the model's input, are all zero, or they or an activation are not finite.
    """
    import onnx
    import onnxruntime

    # Shapes are inferred without weights that lie beside the model: protobuf could not hold them.
    bare = onnx.load(str(path), load_external_data=False)
    fixed = check_images(bare, images)
    shown_outputs, names = show_all(bare)
    model = onnx.load(str(path))
    model.graph.output.extend(shown_outputs)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory(prefix="edgesynth-") as folder:
        shown = Path(folder) / "shown.onnx"
        save(model, shown)
        session = onnxruntime.InferenceSession(str(shown), options, providers=["CPUExecutionProvider"])
    given = model.graph.input[0].name
    histograms = {name: Histogram() for name in [given, *names]}
    size, start = fixed or 1, 0
    while start < len(images):
        batch = images[start : start + size]
        tensors = [torch.from_numpy(values) for values in session.run(names, {given: _filled(batch, fixed).numpy()})]
        for name, values in zip(histograms, [batch, *tensors], strict=True):
            histograms[name].add(values)
        start += size
        if not fixed:  # the first image has told how much one takes
            size = max(1, min(64, MOST_BYTES * len(batch) // sum(values.nbytes for values in tensors)))
    for name, seen in histograms.items():
        if not math.isfinite(seen.amax):
            raise UserError(
                f"{path.name} has activations that are not finite in {name} on the calibration images; "
                "breed the individual again with a lower --learning-rate, or export another"
            )
    return histograms


def check_images(model: onnx.ModelProto, images: Tensor) -> int:
    """Refuse images that a model cannot be calibrated with.

    Returns:
        The model's batch if that is fixed, else 0.

    Raises:
        UserError: see `observe`.
    """
    dims = model.graph.input[0].type.tensor_type.shape.dim
    wanted, given = [dim.dim_value for dim in dims][1:], list(images.shape[1:])
    if len(wanted) != len(given) or any(want and want != have for want, have in zip(wanted, given, strict=True)):
        raise UserError(
            f"the calibration images are {' x '.join(map(str, given))} and the network takes "
            f"{' x '.join(map(str, wanted))}; prepare them as the task prepares its own"
        )
    if not len(images):
        raise UserError("there are no calibration images; give at least one")
    if not torch.isfinite(images).all():
        raise UserError("the calibration images hold nan or infinity; look at the task's preprocessing")
    if not images.any():
        raise UserError(
            "the calibration images are all zero, so no range can be told from them; look at the task's training data"
        )
    return int(dims[0].dim_value)


def _filled(batch: Tensor, fixed: int) -> Tensor:
    """The batch, its last image repeated up to a fixed size, which adds no new values."""
    missing = fixed - len(batch) if fixed else 0
    return torch.cat([batch, batch[-1:].expand(missing, *batch.shape[1:])]) if missing > 0 else batch


def show_all(model: onnx.ModelProto) -> tuple[list[onnx.ValueInfoProto], list[str]]:
    """Every floating-point tensor that a node computes: those to be made outputs, and the names of all in order."""
    import onnx

    inferred = onnx.shape_inference.infer_shapes(model).graph
    kinds = {value.name: value for value in (*inferred.value_info, *inferred.output)}
    computed = [name for node in model.graph.node for name in node.output]
    names = [
        name for name in computed if name in kinds and kinds[name].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    ]
    outputs = {value.name for value in model.graph.output}
    return [kinds[name] for name in names if name not in outputs], names
