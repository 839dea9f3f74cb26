"""Ranges that TensorRT 8 to 10 find by themselves for a plain file: a calibrator that shows them images."""

from typing import Any, Dict, List, Optional

import numpy as np

from edgesynth.benchmark.engines.tensorrt.plans import plan_cache
from edgesynth.benchmark.engines.tensorrt.runtime.gpu import Gpu


def images_calibrator(trt: Any, gpu: Gpu, images: np.ndarray, batch: int, key: Dict[str, Any]) -> Any:
    """An entropy calibrator that gives TensorRT whole batches of images, and keeps the ranges.

    Args:
        trt: the module tensorrt.
        gpu: where the images go.
        images: (K, C, H, W), float32; those that fill no batch are left out, and fewer than one batch are repeated.
        batch: images per run of the network that is built.
        key: under which the cache of an earlier calibration is found and this one's is kept.
    """
    rows = np.arange(batch) % len(images) if len(images) < batch else np.arange(len(images) // batch * batch)

    class Calibrator(trt.IInt8EntropyCalibrator2):
        def __init__(self) -> None:
            # Without this call, by this name, TensorRT ends the process with a segmentation fault.
            trt.IInt8EntropyCalibrator2.__init__(self)
            # The object's own, not its class's: that is only freed when Python next looks for cycles.
            self._left = [rows[start : start + batch] for start in range(0, len(rows), batch)]
            self._device = gpu.cuda.mem_alloc(images[:1].nbytes * batch)

        def get_batch_size(self) -> int:
            return batch

        def get_batch(self, names: Any) -> Optional[List[int]]:
            if not self._left:
                return None
            gpu.cuda.memcpy_htod(self._device, np.ascontiguousarray(images[self._left.pop(0)]))
            return [int(self._device)]

        def read_calibration_cache(self) -> Optional[bytes]:
            kept = plan_cache.find(key)
            return kept.content if kept is not None else None

        def write_calibration_cache(self, cache: Any) -> None:
            plan_cache.keep(key, bytes(cache), {})

    return Calibrator()
