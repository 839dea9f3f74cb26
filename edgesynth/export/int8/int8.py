"""INT8: write an fp32 ONNX file in a dialect, with ranges that are given."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgesynth.errors import UserError
from edgesynth.export.calibration import Bounds
from edgesynth.export.int8.dialects import Dialect
from edgesynth.export.int8.learned import LearnedScales, Scales
from edgesynth.export.int8.weight_forms import WeightForm, weight_overrides
from edgesynth.export.onnx.onnx_file import data_file, read_checked, strip_domains
from edgesynth.export.onnx.quiet import quiet
from edgesynth.lineage.storage.files import write_bytes

NOTHING: LearnedScales = {}


def quantize(
    model: Path,
    dialect: Dialect,
    bounds: Bounds,
    path: Path,
    floating: Collection[str] = (),
    learned: Mapping[str, Scales] = NOTHING,
    form: WeightForm | None = None,
) -> None:
    """Write a quantized copy of a model.

    Args:
        model: a plain fp32 ONNX file.
        dialect: how to write it.
        bounds: {activation tensor: range}; every one that the dialect quantizes.
        path: the file to write.
        floating: names of nodes that stay in floating point.
        learned: scales that training found, of which the weights' are taken; the inputs' stand in `bounds`.
        form: of the other weights, one of the dialect's; its first by default.

    Raises:
        UserError: what was written is not what the dialect's runtime accepts.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, quantize_static

    plain = onnx.load(str(model))
    settings = dialect.settings(plain)
    excluded = [*settings.pop("nodes_to_exclude", []), *floating]
    overrides = weight_overrides(plain, form or dialect.forms[0], learned)
    options = {**settings.pop("extra_options"), "TensorQuantOverrides": overrides}
    with tempfile.TemporaryDirectory(prefix="edgesynth-") as folder, quiet():
        target, ranges = Path(folder) / "quantized.onnx", Path(folder) / "ranges.json"
        _save_ranges(bounds, ranges)
        quantize_static(
            _prepared(plain),
            str(target),
            None,
            calibration_cache_path=ranges,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            nodes_to_exclude=excluded,
            extra_options=options,
            **settings,
        )
        written = onnx.load(str(target))
    strip_domains(written)
    dialect.finish(written, bounds, floating)
    write_bytes(path, written.SerializeToString())
    dialect.check(read_checked(path))


def check_size(model: Path, instead: str) -> None:
    """Refuse a model that cannot be quantized for its size.

    Args:
        model: a plain fp32 ONNX file.
        instead: what to do then.

    Raises:
        UserError: its weights lie beside it.
    """
    weights = data_file(model)
    if weights is not None:
        raise UserError(
            f"the weights of this network take {weights.stat().st_size / 2**30:.1f} GiB, and INT8 models are made "
            f"of networks up to 2 GiB; {instead}"
        )


def _prepared(model: Any) -> Any:
    """The model with every shape inferred, as ONNX Runtime's quantizer wants it.

    onnxslim has folded already, and ONNX Runtime's own optimizer would bring in operators of its domain.
    """
    import onnx

    return onnx.shape_inference.infer_shapes(model, data_prop=True)


def _save_ranges(bounds: Bounds, path: Path) -> None:
    from onnxruntime.quantization import CalibrationMethod
    from onnxruntime.quantization.calibrate import TensorData, TensorsData, save_tensors_data

    data = {
        name: TensorData(lowest=np.array(low, np.float32), highest=np.array(high, np.float32))
        for name, (low, high) in bounds.items()
    }
    save_tensors_data(TensorsData(CalibrationMethod.MinMax, data), path)
