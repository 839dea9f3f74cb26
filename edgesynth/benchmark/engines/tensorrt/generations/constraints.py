"""Layers that stay in FP32 although the FP16 flag is set: TensorRT 8 to 10 are told so, layer by layer."""

from typing import Any, Collection, List

from edgesynth.benchmark.engines.onnx_bytes import writers_of

# They hold or measure, and compute nothing that has a precision.
_IDLE = ("CONSTANT", "SHAPE")
# Where the file's Q/DQ nodes make them INT8, what they compute in stays as it is, and what they write is FP32.
_PRODUCTS = ("CONVOLUTION", "DECONVOLUTION", "FULLY_CONNECTED", "MATRIX_MULTIPLY")


def keep_in_fp32(trt: Any, network: Any, config: Any, path: str, kept: Collection[str], quantized: bool) -> int:
    """Have the layers of some nodes computed and written in FP32.

    The parser may make several layers of a node. They follow each other, and the last one writes the node's tensor: by
    its name, which is the file's, they are known. Their own names differ between releases.

    Args:
        trt: the module tensorrt.
        network: what the parser made of the file.
        config: of the builder.
        path: the ONNX file.
        kept: names of the nodes.
        quantized: whether the file holds Q/DQ nodes.

    Returns:
        How many layers of TensorRT that are.
    """
    writers = writers_of(path)
    count = 0
    waiting: List[Any] = []
    for number in range(network.num_layers):
        layer = network.get_layer(number)
        waiting.append(layer)
        written = [layer.get_output(place).name for place in range(layer.num_outputs)]
        nodes = [writers[name] for name in written if name in writers]
        if not nodes:
            continue
        if any(name in kept for name in nodes):
            count += sum(_pin(trt, layer, quantized) for layer in waiting)
        waiting = []
    if count:
        obey = getattr(trt.BuilderFlag, "OBEY_PRECISION_CONSTRAINTS", None)
        # 8.0 and 8.1 have the older name alone.
        config.set_flag(trt.BuilderFlag.STRICT_TYPES if obey is None else obey)
    return count


def _pin(trt: Any, layer: Any, quantized: bool) -> bool:
    """Whether there was something to pin: indices and sizes have no such precision."""
    outputs = [layer.get_output(place) for place in range(layer.num_outputs)]
    floating = [place for place, tensor in enumerate(outputs) if tensor.dtype == trt.DataType.FLOAT]
    if not floating or layer.type.name in _IDLE:
        return False
    if not (quantized and layer.type.name in _PRODUCTS):
        layer.precision = trt.DataType.FLOAT
    for place in floating:
        layer.set_output_type(place, trt.DataType.FLOAT)
    return True
