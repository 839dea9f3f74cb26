"""Layers that stay in floating point although INT8 is asked for: TensorRT 8 to 10 are told so, layer by layer.

Where a plain file is quantized by ranges, TensorRT is free to compute every layer in INT8. The layers that
`edgesynth export --int8` left in floating point for their accuracy are computed there in FP16, or in FP32 where the GPU
has no FP16, and what they read and write is not rounded to INT8, as in the Q/DQ file.
"""

from typing import Any, Collection, Dict, List, Tuple

from edgesynth.benchmark.engines.tensorrt.network.node_layers import (
    as_kind,
    inputs_of,
    layers_by_node,
    outputs_of,
    producers_of,
)

# They hold or measure, and compute nothing that has a precision.
IDLE = ("CONSTANT", "SHAPE")
# In the Q/DQ file these read what is rounded and write what is not.
PRODUCTS = ("CONVOLUTION", "DECONVOLUTION", "FULLY_CONNECTED", "MATRIX_MULTIPLY")


def keep_floating(trt: Any, network: Any, config: Any, path: str, floating: Collection[str], half: bool) -> int:
    """Have the layers of some nodes computed in floating point, on numbers that are not rounded to INT8.

    Args:
        trt: the module tensorrt.
        network: what the parser made of the file.
        config: of the builder.
        path: the ONNX file.
        floating: names of the nodes.
        half: whether FP16 is enough and the GPU has it; else FP32.

    Returns:
        How many layers of TensorRT that are.
    """
    kind = trt.DataType.HALF if half else trt.DataType.FLOAT
    groups = [group for group in layers_by_node(network, path) if any(name in floating for name in group.nodes)]
    producers = producers_of(network)
    count = 0
    for group in groups:
        own = {tensor.name for layer in group.layers for tensor in outputs_of(layer)}
        for layer in group.layers:
            count += pin(trt, layer, kind)
            unread = [tensor for tensor in inputs_of(layer) if tensor.name not in own]
            _write_unrounded(trt, unread, producers, kind)
    if count:
        obey(trt, config)
    return count


def pin(trt: Any, layer: Any, kind: Any, computes: bool = True) -> bool:
    """Have a layer computed and written in a type.

    Args:
        trt: the module tensorrt.
        layer: of the network.
        kind: FLOAT or HALF.
        computes: False where only what it writes is to be of that type.

    Returns:
        Whether there was something to pin: indices and sizes have no such precision.
    """
    outputs = outputs_of(layer)
    places = [place for place, tensor in enumerate(outputs) if tensor.dtype == trt.DataType.FLOAT]
    if not places or layer.type.name in IDLE:
        return False
    if computes:
        layer.precision = kind
    for place in places:
        # What leaves the network keeps its own type.
        leaves = outputs[place].is_network_output
        layer.set_output_type(place, trt.DataType.FLOAT if leaves else kind)
    return True


def obey(trt: Any, config: Any) -> None:
    """Have the builder keep to what was pinned."""
    flag = getattr(trt.BuilderFlag, "OBEY_PRECISION_CONSTRAINTS", None)
    # 8.0 and 8.1 have the older name alone.
    config.set_flag(trt.BuilderFlag.STRICT_TYPES if flag is None else flag)


def _write_unrounded(trt: Any, tensors: List[Any], producers: Dict[str, Tuple[Any, int]], kind: Any) -> None:
    """Have tensors written in floating point, and what they were made of, back to the products and sums."""
    waiting, met = list(tensors), set()
    while waiting:
        name = waiting.pop().name
        if name in met or name not in producers:
            continue
        met.add(name)
        layer, _ = producers[name]
        if pin(trt, layer, kind, computes=False) and not _ends_rounding(trt, layer):
            waiting += inputs_of(layer)


def _ends_rounding(trt: Any, layer: Any) -> bool:
    """Whether a layer may read INT8: in the Q/DQ file products and residual sums do."""
    if layer.type.name == "ELEMENTWISE":
        return bool(as_kind(trt, layer, "IElementWiseLayer").op == trt.ElementWiseOperation.SUM)
    return layer.type.name in PRODUCTS
