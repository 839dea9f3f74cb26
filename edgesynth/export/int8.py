"""INT8: quantise an fp32 ONNX file in a dialect, by the calibration that keeps the most validation accuracy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from edgesynth.export.calibration import METHODS, Reader, prepared
from edgesynth.export.dialects import Dialect
from edgesynth.export.onnx_file import read_checked, strip_domains
from edgesynth.export.runtime import run_onnx
from edgesynth.lineage.files import write_bytes


@dataclass(frozen=True)
class Calibrated:
    """How a quantised model was calibrated.

    Attributes:
        method: the method that was kept.
        images: number of calibration images.
        tried: {method: the task's metric on validation, percent}.
    """

    method: str
    images: int
    tried: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the manifest."""
        return {"method": self.method, "images": self.images, "validation_accuracy_percent": self.tried}


def quantise(model: Path, dialect: Dialect, images: Tensor, method: str, path: Path) -> None:
    """Write a quantised copy of a model.

    Args:
        model: a plain fp32 ONNX file.
        dialect: how to write it.
        images: (K, C, H, W), float32: the calibration images.
        method: a key of `METHODS`.
        path: the file to write.

    Raises:
        UserError: what was written is not what the dialect's runtime accepts.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, quantize_static

    settings = dialect.settings(onnx.load(str(model)))
    calibration = METHODS[method]
    options = {**settings.pop("extra_options"), "CalibStridedMinMax": 1, "CalibPercentile": calibration.percentile}
    with prepared(model) as source:
        target = source.with_name("quantised.onnx")
        quantize_static(
            str(source),
            str(target),
            Reader(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            calibrate_method=CalibrationMethod[calibration.name],
            extra_options=options,
            **settings,
        )
        written = onnx.load(str(target))
    strip_domains(written)
    write_bytes(path, written.SerializeToString())
    dialect.check(read_checked(path))


def quantise_best(
    model: Path,
    dialect: Dialect,
    images: Tensor,
    validation: Tensor,
    score: Callable[[Tensor], float],
    path: Path,
) -> Calibrated:
    """Quantise by every calibration method and keep the one with the best validation score; the test split has no say.

    Args:
        model: a plain fp32 ONNX file.
        dialect: how to write it.
        images: (K, C, H, W), float32: the calibration images.
        validation: (N, C, H, W), float32: images of the validation split.
        score: the task's metric (higher is better) of outputs (N, classes) on them.
        path: the file to write.

    Raises:
        UserError: what was written is not what the dialect's runtime accepts.
    """
    tried: dict[str, float] = {}
    kept = b""
    for method in METHODS:
        quantise(model, dialect, images, method, path)
        found = score(run_onnx(path, validation))
        if not tried or found > max(tried.values()):
            kept = path.read_bytes()
        tried[method] = found
    write_bytes(path, kept)
    return Calibrated(max(tried, key=lambda method: tried[method]), len(images), tried)
