"""FP16: a file whose weights and sums are float16, for TensorRT 11, which takes types from the file and has no flag."""

from __future__ import annotations

from pathlib import Path

from edgesynth.export.int8 import quiet
from edgesynth.export.onnx_file import read_checked, strip_domains
from edgesynth.lineage.files import write_bytes

FILE = "model.fp16.onnx"


def to_half(model: Path, path: Path) -> None:
    """Write a float16 copy of a model; its input and output stay float32, so that whoever feeds it need not change.

    Args:
        model: a plain fp32 ONNX file.
        path: the file to write.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    with quiet():
        written = convert_float_to_float16(onnx.load(str(model)), keep_io_types=True)
        OnnxModel(written).topological_sort()  # the casts at the ends come last
    strip_domains(written)
    write_bytes(path, written.SerializeToString())
    read_checked(path)
