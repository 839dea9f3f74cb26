"""TensorRT for RTX on the GPU of a PC. What it builds is tested; it has never run, for want of such a GPU."""

from edgesynth.benchmark.engines.tensorrt.engine import TensorRt
from edgesynth.benchmark.engines.tensorrt.generations.generation import Generation
from edgesynth.benchmark.engines.tensorrt.generations.strongly_typed import StronglyTyped
from edgesynth.tensorrt_rtx import import_tensorrt_rtx


class TensorRtForRtx(TensorRt):
    """As TensorRT 11: the file's types decide. Its kernels are compiled when a model is first run."""

    name = "tensorrt-rtx"

    @classmethod
    def _called(cls) -> Generation:
        return StronglyTyped(import_tensorrt_rtx())
