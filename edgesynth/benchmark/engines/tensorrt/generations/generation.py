"""What differs between the generations of TensorRT, as one interface."""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from edgesynth.benchmark.bundle.bundle import CALIBRATED, SAMPLED
from edgesynth.benchmark.engines.tensorrt.generations.constraints import keep_in_fp32
from edgesynth.benchmark.engines.tensorrt.request import Request
from edgesynth.benchmark.engines.tensorrt.runtime.importing import version_of


class Tensor(NamedTuple):
    """An input or output of an engine.

    Attributes:
        name: as in the ONNX file.
        is_input: whether it is one.
        dtype: TensorRT's type.
        shape: with -1 where it is free.
    """

    name: str
    is_input: bool
    dtype: Any
    shape: Tuple[int, ...]


class Generation:
    """Builds and runs by the calls of some versions.

    Args:
        trt: the module tensorrt.

    Attributes:
        shares_profiles: whether several contexts of an engine may have one optimization profile; before TensorRT 10
            each needs its own where a shape is free.
    """

    def __init__(self, trt: Any) -> None:
        self.trt = trt
        self.shares_profiles = version_of(trt) >= (10,)

    def candidates(self, native_int8: Optional[bool]) -> Dict[str, Tuple[str, ...]]:
        """Models that can serve each precision, the best first.

        A Q/DQ file is refused by GPUs without INT8 units; a plain file with ranges, or with
        images to find them on, is built there, if not faster.

        Args:
            native_int8: whether the GPU has INT8 units.
        """
        return {
            "fp32": ("fp32",),
            "fp16": ("fp32",),
            "int8": (("int8",) if native_int8 else ()) + (CALIBRATED, SAMPLED),
        }

    def create_network(self, builder: Any) -> Any:
        """An empty network for the ONNX parser."""
        raise NotImplementedError

    def set_workspace(self, config: Any, size_bytes: int) -> None:
        """Memory that the layers may use while they run."""
        raise NotImplementedError

    def set_precision(self, config: Any, precision: str, quantized: bool, calibrator: Optional[Any]) -> None:
        """Ask for a precision.

        Args:
            config: of the builder.
            precision: "fp32", "fp16", "int8" or "as-is".
            quantized: whether the file holds Q/DQ nodes.
            calibrator: gives the ranges of a plain file at int8; None otherwise.
        """
        raise NotImplementedError

    def keep_in_fp32(self, network: Any, config: Any, request: Request) -> int:
        """Keep the nodes that FP16 cannot compute in FP32, at precisions that enable FP16.

        Args:
            network: the parsed file.
            config: of the builder, its precision set.
            request: what is built.

        Returns:
            How many layers that are.
        """
        if not request.kept or (request.precision == "fp32" and not request.quantized):
            return 0
        return keep_in_fp32(self.trt, network, config, request.path, request.kept, request.quantized)

    def tensors(self, engine: Any) -> List[Tensor]:
        """Inputs and outputs, in the engine's own order."""
        raise NotImplementedError

    def set_input_shape(self, context: Any, number: int, name: str, shape: Tuple[int, ...]) -> bool:
        """Fix an input's shape; whether TensorRT takes it and has all that it needs."""
        raise NotImplementedError

    def shape_of(self, context: Any, number: int, name: str) -> Tuple[int, ...]:
        """Shape of a tensor once the input's is fixed."""
        raise NotImplementedError

    def launcher(self, context: Any, names: Sequence[str], addresses: Sequence[int]) -> Callable[[int], bool]:
        """A call that enqueues one inference on a stream, given by its handle, and says whether that was accepted."""
        raise NotImplementedError


def set_flags(trt: Any, config: Any, precision: str, quantized: bool, calibrator: Optional[Any]) -> None:
    """Set the precision flags of TensorRT 8 to 10; see `Generation.set_precision`."""
    if precision == "fp32":
        config.clear_flag(trt.BuilderFlag.TF32)
    if precision in ("fp16", "int8") or quantized:
        config.set_flag(trt.BuilderFlag.FP16)
    if precision == "int8" or quantized:
        # Beside FP16, which takes the layers that have no INT8 kernel: they would fall back to FP32.
        config.set_flag(trt.BuilderFlag.INT8)
    if calibrator is not None:
        config.int8_calibrator = calibrator
