"""What TensorRT is asked to build."""

from typing import NamedTuple, Optional, Tuple


class Request(NamedTuple):
    """What is to be built.

    Attributes:
        path: the ONNX file.
        precision: "fp32", "fp16", "int8" or "as-is".
        batch: images per run.
        quantized: whether the file holds Q/DQ nodes.
        ranges: the ranges.json to quantize a plain file by; None where the file's own types decide, or there is none.
        samples: the samples.npz to calibrate a plain file on; of `ranges`, its list of layers alone counts then.
        kept: names of nodes that stay in FP32 where other layers are FP16.
    """

    path: str
    precision: str
    batch: int
    quantized: bool
    ranges: Optional[str]
    samples: Optional[str] = None
    kept: Tuple[str, ...] = ()
