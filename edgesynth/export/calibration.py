"""Calibration: what activations do on training images, by one of ONNX Runtime's methods.

Its entropy method is not among them: `quantize_static` runs it with as many bins as quantised bins, and so it keeps the
whole range of the first batch and gives what minmax gives.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from edgesynth.export.onnx_file import INPUT, data_file

BATCH_SIZE = 64


class Method(NamedTuple):
    """A way to tell a range from the values that were seen.

    Attributes:
        name: ONNX Runtime's name.
        percentile: share of the magnitudes that lie within the range, percent; None keeps all.
    """

    name: str
    percentile: float | None = None


# The first is the plainest: it wins a tie.
METHODS = {
    "minmax": Method("MinMax"),
    "percentile-99.999": Method("Percentile", 99.999),
    "percentile-99.99": Method("Percentile", 99.99),
}


class Reader:
    """Hands calibration images to ONNX Runtime in batches.

    It collects one batch at a time (`CalibStridedMinMax` 1 asks for that by `len` and `set_range`): all intermediate
    tensors of all images at once would not fit the memory for a network of any size.

    Args:
        images: (K, C, H, W), float32, preprocessed.
    """

    def __init__(self, images: Tensor) -> None:
        self._batches = [batch.numpy() for batch in images.split(BATCH_SIZE)]
        self.set_range(0, len(self))

    def __len__(self) -> int:
        return len(self._batches)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Hand out the batches from `start_index` to before `end_index` next."""
        self._next = iter(self._batches[start_index:end_index])

    def get_next(self) -> dict[str, Any] | None:
        """The next batch by input name; None after the last."""
        batch = next(self._next, None)
        return None if batch is None else {INPUT: batch}


@contextlib.contextmanager
def prepared(path: Path) -> Iterator[Path]:
    """A copy of an fp32 ONNX file with the shape of every tensor inferred, as ONNX Runtime's quantiser wants it.

    What runs inside the `with` neither prints nor logs.
    """
    from onnxruntime.quantization import quant_pre_process

    with tempfile.TemporaryDirectory(prefix="edgesynth-") as folder, quiet():
        copy = Path(folder) / "prepared.onnx"
        # onnxslim has folded already, and ONNX Runtime's own optimiser would bring in operators of its domain.
        quant_pre_process(
            str(path),
            str(copy),
            skip_optimization=True,
            skip_symbolic_shape=True,
            save_as_external_data=data_file(path) is not None,
            all_tensors_to_one_file=True,
        )
        yield copy


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep ONNX Runtime's quantiser and calibrators from printing and logging."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
