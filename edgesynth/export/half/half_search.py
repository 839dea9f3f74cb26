"""Search for the layers of an FP16 file that stay in FP32: by their ranges, then by the errors of their outputs.

A difference of near numbers, or squares that all become 0, lie within FP16's range and lose their precision. Where the
file's outputs are far from the FP32 model's, the layers of the first tensors that are far off stay in FP32.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from torch import Tensor

from edgesynth.export.calibration import Histogram, show_all
from edgesynth.export.half.beyond_half import Beyond, beyond_half, names_of
from edgesynth.export.half.half import to_half
from edgesynth.export.onnx.exporters import INPUT
from edgesynth.export.onnx.onnx_file import save
from edgesynth.export.onnx.runtime import open_session, run_onnx

IMAGES, SHOWN_IMAGES = 32, 4
MAX_ERROR = 0.02  # of an output, of its largest magnitude
MAX_TENSOR_ERROR = 0.05  # of a tensor within, of its own length, for an image
ROUNDS = 6


def write_half(model: Path, path: Path, seen: Mapping[str, Histogram], images: Tensor) -> list[Beyond]:
    """Write the FP16 form of a model, in which what FP16 cannot hold stays in FP32.

    Args:
        model: a plain fp32 ONNX file.
        path: the file to write.
        seen: {activation tensor: what calibration saw of it}.
        images: (K, C, H, W), float32: calibration images.

    Returns:
        The layers that stayed in FP32, in the order of the graph.
    """
    plain = onnx.load(str(model))
    images = images[:IMAGES]
    reference = run_onnx(model, images)
    lossy: dict[str, str] = {}
    tried: list[tuple[float, list[Beyond]]] = []
    for _ in range(ROUNDS):
        layers = beyond_half(plain, seen, lossy)
        if tried and layers == tried[-1][1]:
            break
        to_half(model, path, names_of(layers))
        tried.append((_error(run_onnx(path, images, half_storage=True), reference), layers))
        if tried[-1][0] <= MAX_ERROR:
            return layers
        lossy.update(_first_losses(plain, path, images[:SHOWN_IMAGES]))
    first, best = tried[0], min(tried, key=lambda attempt: attempt[0])
    # Layers in FP32 cost time: without them, where they do not help.
    layers = best[1] if best[0] < first[0] / 2 else first[1]
    to_half(model, path, names_of(layers))
    return layers


def _error(outputs: Tensor, reference: Tensor) -> float:
    error = float((outputs - reference).abs().max() / reference.abs().max().clamp_min(1e-30))
    return error if np.isfinite(error) else np.inf


def _first_losses(plain: onnx.ModelProto, path: Path, images: Tensor) -> dict[str, str]:
    """{tensor: why} of nodes whose inputs are right in an FP16 file and whose outputs are not.

    The tensors are the node's outputs, where FP16 cannot hold them; else its inputs, whose last bits count.
    """
    half = onnx.load(str(path))
    written = {name for node in half.graph.node for name in node.output}
    _, names = show_all(plain)
    # Behind a node that stays in FP32 the converter has the original name for what is rounded, if that is read at all.
    places = {name: next((n for n in (name, f"{name}_cast_to_fp16") if n in written), None) for name in names}
    shown = {name: place for name, place in places.items() if place is not None}
    exact = _tensors(plain, list(shown), images, half_storage=False)
    rounded = _tensors(half, list(shown.values()), images, half_storage=True)
    errors = {name: _tensor_error(*pair) for name, *pair in zip(shown, rounded, exact, strict=True)}
    with np.errstate(over="ignore"):
        storing = {
            name: _tensor_error(tensor.astype(np.float16), tensor) for name, tensor in zip(shown, exact, strict=True)
        }
    losses: dict[str, str] = {}
    for node in plain.graph.node:
        read = [name for name in node.input if name in errors or name == INPUT]
        error = max((errors.get(name, 0.0) for name in node.output), default=0.0)
        if error > MAX_TENSOR_ERROR and all(errors.get(name, 0.0) <= MAX_TENSOR_ERROR for name in read):
            why = f"off by {error:.0%} in FP16" if np.isfinite(error) else "not finite in FP16"
            held = all(storing.get(name, 0.0) <= MAX_TENSOR_ERROR for name in node.output)
            losses.update((name, why) for name in (read if held else node.output))
    return losses


def _tensors(model: onnx.ModelProto, names: list[str], images: Tensor, half_storage: bool) -> list[np.ndarray]:
    """Tensors from within a model, for images (K, C, H, W), one at a time where its batch is fixed."""
    wanted = onnx.ModelProto()
    wanted.CopyFrom(model)
    own = {value.name for value in model.graph.output}
    wanted.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in own)
    with tempfile.TemporaryDirectory(prefix="edgesynth-") as folder:
        path = Path(folder) / "shown.onnx"
        save(wanted, path)
        session = open_session(path, half_storage)
    size = session.get_inputs()[0].shape[0]
    batch = images[np.arange(size) % len(images)] if isinstance(size, int) else images
    return list(session.run(names, {INPUT: batch.numpy()}))


def _tensor_error(rounded: np.ndarray, exact: np.ndarray) -> float:
    """The largest relative error of a tensor over images: the norm of the difference over its own norm."""
    rows = exact.reshape(len(exact), -1).astype(np.float64) if exact.ndim else exact.reshape(1, 1).astype(np.float64)
    distance = np.linalg.norm(rounded.reshape(rows.shape) - rows, axis=1)
    length = np.linalg.norm(rows, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(distance == 0, 0.0, distance / length).max(initial=0.0)
    return float(error) if np.isfinite(error) else float("inf")
