"""Ranges of all tensors of a plain network, so that TensorRT 8 to 10 can compute its layers in INT8.

A layer runs in INT8 only where all floating-point tensors that it reads and writes have a range (NVIDIA/TensorRT#2031,
#2114). The ranges of a bundle have the names of the file. TensorRT has tensors beyond these: of a Gemm the weight, the
product before the bias is added, and the bias, such as "(Unnamed Layer* 9) [Matrix Multiply]_output" in the cache of a
calibration by TensorRT 8.5. So ranges are set tensor by tensor and no calibrator is used, as in NVIDIA's sampleINT8API
and in ONNX Runtime's TensorRT provider, which takes those of constants from their values too.
"""

from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np

from edgesynth.benchmark.engines.tensorrt.network.node_layers import as_kind, inputs_of, layers_of, outputs_of

# What these write are numbers that they read, or averages of them.
_MOVING = ("SHUFFLE", "SLICE", "IDENTITY", "SQUEEZE", "UNSQUEEZE", "POOLING")
# These read what they write, and write all that they read.
_REVERSIBLE = ("SHUFFLE", "IDENTITY", "SQUEEZE", "UNSQUEEZE")
_ANY_RANGE = 1.0  # of a constant that is all zeros


def set_ranges(trt: Any, network: Any, amax: Mapping[str, float]) -> Tuple[str, ...]:
    """Give every floating-point tensor a range.

    Args:
        trt: the module tensorrt.
        network: what the parser made of a plain file.
        amax: {tensor of the file: its largest magnitude}, all above 0.

    Returns:
        Names of the tensors for which there is none: layers that read or write them stay in floating point.
    """
    layers = layers_of(network)
    tensors = [network.get_input(number) for number in range(network.num_inputs)]
    tensors += [tensor for layer in layers for tensor in outputs_of(layer)]
    known: Dict[str, float] = {tensor.name: amax[tensor.name] for tensor in tensors if tensor.name in amax}
    _forward(trt, layers, known)
    _backward(trt, layers, known)
    without = []
    for tensor in tensors:
        if tensor.dtype != trt.DataType.FLOAT:
            continue
        largest = known.get(tensor.name)
        if largest is None or not tensor.set_dynamic_range(-largest, largest):
            without.append(tensor.name)
    return tuple(without)


def _forward(trt: Any, layers: List[Any], known: Dict[str, float]) -> None:
    """Add the ranges of constants, and of what only moves numbers whose range is known."""
    for layer in layers:
        for tensor in outputs_of(layer):
            if tensor.name in known or tensor.dtype != trt.DataType.FLOAT:
                continue
            largest = _constant(trt, layer) if layer.type.name == "CONSTANT" else None
            if layer.type.name in _MOVING:
                largest = known.get(inputs_of(layer)[0].name)
            if largest is not None:
                known[tensor.name] = largest


def _constant(trt: Any, layer: Any) -> Optional[float]:
    """The largest magnitude of a constant; None where its numbers cannot be read."""
    values = np.asarray(as_kind(trt, layer, "IConstantLayer").weights)
    if values.dtype.kind != "f" or not values.size:
        return None
    largest = float(np.abs(values.astype(np.float32)).max())
    return (largest or _ANY_RANGE) if np.isfinite(largest) else None


def _backward(trt: Any, layers: List[Any], known: Dict[str, float]) -> None:
    """Add the ranges of what is read by a layer of which all else is known: a product by the addition of its bias."""
    for layer in reversed(layers):
        written = known.get(outputs_of(layer)[0].name)
        if written is None:
            continue
        read = inputs_of(layer)
        if layer.type.name in _REVERSIBLE:
            known.setdefault(read[0].name, written)
        elif layer.type.name == "ELEMENTWISE" and _is_sum(trt, layer):
            for tensor, other in (read, read[::-1]):
                if other.name in known:
                    # Of a + b = c, |a| is at most |c| + |b|.
                    known.setdefault(tensor.name, written + known[other.name])


def _is_sum(trt: Any, layer: Any) -> bool:
    operation = as_kind(trt, layer, "IElementWiseLayer").op
    return operation in (trt.ElementWiseOperation.SUM, trt.ElementWiseOperation.SUB)
