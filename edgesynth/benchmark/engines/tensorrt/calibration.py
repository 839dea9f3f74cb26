"""Ranges for TensorRT 8 to 10 on a plain file: a calibrator that has a cache and needs no images."""

from typing import Any

from edgesynth.boards.calibration_cache import cache_from_ranges, format_cache, read_ranges


def make_calibrator(trt: Any, ranges: str) -> Any:
    """A calibrator that answers with the cache of a bundle's ranges, written for this version of TensorRT.

    Args:
        trt: the module tensorrt.
        ranges: path of ranges.json.

    Raises:
        UserError: the file holds no ranges, or this TensorRT takes none.
    """
    cache = format_cache(cache_from_ranges(read_ranges(ranges), trt.__version__)).encode()

    class Calibrator(trt.IInt8EntropyCalibrator2):
        def __init__(self) -> None:
            # Without this call, by this name, TensorRT ends the process with a segmentation fault.
            trt.IInt8EntropyCalibrator2.__init__(self)

        def get_batch_size(self) -> int:
            return 1

        def get_batch(self, names: Any) -> None:
            return None

        def read_calibration_cache(self) -> bytes:
            return cache

        def write_calibration_cache(self, cache: bytes) -> None:
            pass

    return Calibrator()
