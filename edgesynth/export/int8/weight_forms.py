"""Weight forms: the integers in which a weight is written for ONNX Runtime, so that a processor's products are exact.

Where an x86 processor has AVX2 or AVX-512 and not VNNI, ONNX Runtime multiplies uint8 activations by int8 weights with
`vpmaddubsw`, which adds two products in 16 bits and saturates (microsoft/onnxruntime#5849, #6545, #11415). Two things
are exact on every processor: int8 weights of 7 bits, as 255 * (64 + 64) is within 16 bits, and uint8 weights, whose
products are added in 32 bits, at half the speed and less. A depthwise convolution never adds two products in 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np

from edgesynth.defaults import INT8_CPU_TARGET
from edgesynth.errors import UserError
from edgesynth.export.int8.learned import Scales

if TYPE_CHECKING:
    import onnx

PRODUCTS = ("Conv", "Gemm", "MatMul")
MOST_EXACT = 64  # magnitude of an int8 weight up to which no sum of two products saturates
ZERO_POINT = 128  # of uint8 weights: their integers are those of int8, moved

Target = Literal["any", "vnni"]
ANY: Target = "any"
VNNI: Target = "vnni"
TARGETS: tuple[Target, ...] = (ANY, VNNI)
DEFAULT_TARGET = cast(Target, INT8_CPU_TARGET)


class WeightForm(NamedTuple):
    """An integer form of the weights, where training has not fixed it.

    Attributes:
        name: in the manifest.
        signed: int8, with a zero-point of 0; or uint8, with one of 128.
        reduced: whether magnitudes go to `MOST_EXACT` instead of 127.
    """

    name: str
    signed: bool
    reduced: bool


INT8 = WeightForm("int8", signed=True, reduced=False)
INT7 = WeightForm("int7", signed=True, reduced=True)
UINT8 = WeightForm("uint8", signed=False, reduced=False)
# The quickest first: it is kept where another is no more accurate.
FORMS: dict[Target, tuple[WeightForm, ...]] = {ANY: (INT7, UINT8), VNNI: (INT8,)}


class LayerWeight(NamedTuple):
    """The constant factor of a layer's products.

    Attributes:
        node: name of the layer.
        name: of the tensor.
        axis: of the output channels; None where the whole tensor has one scale.
        depthwise: whether each output channel reads one input channel, which no other reads.
    """

    node: str
    name: str
    axis: int | None
    depthwise: bool


def check_target(target: str, int8: bool) -> None:
    """Refuse a target processor that is not known.

    Raises:
        UserError: it is none of `TARGETS`, or a choice without an INT8 file that it is for.
    """
    if target not in TARGETS:
        raise UserError(
            f"--int8-cpu-target is {target!r}; give any (exact on every processor, the default) or vnni (x86 with VNNI "
            "or ARM alone)"
        )
    if target != ANY and not int8:
        raise UserError(f"--int8-cpu-target {target} is of model.int8-cpu.onnx, which --int8 writes; add --int8")


def layer_weights(model: onnx.ModelProto) -> Iterator[LayerWeight]:
    """The weights of all convolutions, linear layers and products with a constant on their right of a plain model."""
    shapes = {item.name: tuple(item.dims) for item in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in PRODUCTS and (shape := shapes.get(node.input[1])) is not None:
            yield LayerWeight(node.name, node.input[1], _axis(node, shape), _is_depthwise(node, shape))


def weight_overrides(
    model: onnx.ModelProto, form: WeightForm, learned: Mapping[str, Scales]
) -> dict[str, list[dict[str, Any]]]:
    """`TensorQuantOverrides` of `quantize_static`: the type, range and scale of every weight of a layer.

    Learned scales are kept whatever the form: integers that are too large for int8 to be exact are written in uint8.
    A constant on the left of a product stands where ONNX Runtime takes an activation, and is written as one.

    Args:
        model: the plain fp32 file.
        form: of the weights without learned scales.
        learned: {node: scales that training found}.
    """
    values = {item.name: item for item in model.graph.initializer}
    overrides: dict[str, list[dict[str, Any]]] = {}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[0] in values:
            overrides[node.input[0]] = [{"quant_type": _quant_type(signed=False)}]
    for weight in layer_weights(model):
        if weight.node in learned:
            overrides[weight.name] = _learned(values[weight.name], learned[weight.node].weight, form, weight.depthwise)
        elif form != INT8:
            overrides[weight.name] = [_calibrated(form, weight)]
    return overrides


def saturating_layers(model: onnx.ModelProto) -> list[str]:
    """Names of the layers of a Q/DQ model whose weights may saturate on a processor without VNNI."""
    from onnx import numpy_helper

    constants = {item.name: item for item in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    saturating = []
    for node in model.graph.node:
        for name in node.input[:2] if node.op_type in PRODUCTS else ():
            maker = makers.get(name)
            if maker is None or maker.op_type != "DequantizeLinear" or maker.input[0] not in constants:
                continue
            integers = numpy_helper.to_array(constants[maker.input[0]])
            large = integers.dtype == np.int8 and np.abs(integers.astype(int)).max(initial=0) > MOST_EXACT
            if large and not _is_depthwise(node, integers.shape):
                saturating.append(node.name)
    return saturating


def exact_on(model: onnx.ModelProto) -> Target:
    """The processors on which ONNX Runtime computes a Q/DQ model exactly."""
    return VNNI if saturating_layers(model) else ANY


def _calibrated(form: WeightForm, weight: LayerWeight) -> dict[str, Any]:
    signed = form.signed or weight.depthwise
    axis = {} if weight.axis is None else {"axis": weight.axis}
    return {"quant_type": _quant_type(signed), "reduce_range": form.reduced and not weight.depthwise, **axis}


def _learned(weight: onnx.TensorProto, scales: np.ndarray, form: WeightForm, depthwise: bool) -> list[dict[str, Any]]:
    from onnx import numpy_helper

    rows = numpy_helper.to_array(weight).reshape(len(scales), -1)
    largest = np.abs(np.rint(rows / np.asarray(scales).reshape(-1, 1))).max(initial=0)
    signed = form == INT8 or depthwise or largest <= MOST_EXACT
    zero = np.array(0, np.int8) if signed else np.array(ZERO_POINT, np.uint8)
    return [
        {"quant_type": _quant_type(signed), "axis": 0, "scale": np.array(scale, np.float32), "zero_point": zero}
        for scale in scales
    ]


def _quant_type(signed: bool) -> Any:
    from onnxruntime.quantization import QuantType

    return QuantType.QInt8 if signed else QuantType.QUInt8


def _axis(node: onnx.NodeProto, shape: tuple[int, ...]) -> int | None:
    if node.op_type == "Conv" or (node.op_type == "Gemm" and _attribute(node, "transB", 0)):
        return 0
    return 1 if len(shape) == 2 else None


def _is_depthwise(node: onnx.NodeProto, shape: tuple[int, ...]) -> bool:
    return node.op_type == "Conv" and shape[1] == 1 and shape[0] == _attribute(node, "group", 1) > 1


def _attribute(node: onnx.NodeProto, name: str, default: int) -> int:
    return next((item.i for item in node.attribute if item.name == name), default)
