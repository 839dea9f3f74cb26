"""Layers that stay in FP32 although the FP16 flag is set: TensorRT 8 to 10 are told so, layer by layer."""

from typing import Any, Collection

from edgesynth.benchmark.engines.tensorrt.network.floating import PRODUCTS, obey, pin
from edgesynth.benchmark.engines.tensorrt.network.node_layers import layers_by_node


def keep_in_fp32(trt: Any, network: Any, config: Any, path: str, kept: Collection[str], quantized: bool) -> int:
    """Have the layers of some nodes computed and written in FP32.

    Args:
        trt: the module tensorrt.
        network: what the parser made of the file.
        config: of the builder.
        path: the ONNX file.
        kept: names of the nodes.
        quantized: whether the file holds Q/DQ nodes, which make products INT8: what these compute in stays as it is,
            and what they write is FP32.

    Returns:
        How many layers of TensorRT that are.
    """
    count = 0
    for group in layers_by_node(network, path):
        if any(name in kept for name in group.nodes):
            for layer in group.layers:
                computes = not (quantized and layer.type.name in PRODUCTS)
                count += pin(trt, layer, trt.DataType.FLOAT, computes)
    if count:
        obey(trt, config)
    return count
