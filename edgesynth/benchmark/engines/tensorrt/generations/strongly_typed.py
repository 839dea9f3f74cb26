"""TensorRT 11: no FP16 and INT8 flags and no calibrators; every tensor has the type that the file gives it."""

from typing import Any, Dict, Optional, Tuple

from edgesynth.benchmark.engines.tensorrt.generations.named_tensors import NamedTensors
from edgesynth.benchmark.engines.tensorrt.request import Request


class StronglyTyped(NamedTensors):
    """Runs as 8.6 to 10 do; precision is a matter of which file is parsed."""

    def candidates(self, native_int8: Optional[bool]) -> Dict[str, Tuple[str, ...]]:
        """One file for each precision."""
        return {"fp32": ("fp32",), "fp16": ("fp16",), "int8": ("int8",)}

    def create_network(self, builder: Any) -> Any:
        """An empty network; batch and types are always explicit here."""
        return builder.create_network(0)

    def set_precision(self, config: Any, precision: str, quantized: bool, calibrator: Optional[Any]) -> None:
        """Clear the flag TF32; the types come from the file."""
        if precision == "fp32":
            config.clear_flag(self.trt.BuilderFlag.TF32)

    def keep_in_fp32(self, network: Any, config: Any, request: Request) -> int:
        """Nothing to do: the file has Casts for it."""
        return 0
