"""Dialects: how INT8 is written in Q/DQ nodes for each runtime. A new runtime is a new class and a line in `DIALECTS`.

Two are needed, because ONNX Runtime on x86 does not fuse the form that TensorRT wants and runs it slower than fp32.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edgesynth.boards.int8_limits import Convolution, beyond_int8
from edgesynth.errors import UserError
from edgesynth.export.calibration import Bounds
from edgesynth.export.int8.residual import quantize_residuals
from edgesynth.export.int8.weight_forms import ANY, FORMS, INT8, Target, WeightForm, exact_on, saturating_layers

if TYPE_CHECKING:
    import onnx


class Dialect(Protocol):
    """One way to write INT8 in Q/DQ nodes.

    Attributes:
        key: name of the model in the manifest.
        file: name of the file in the bundle.
        name: name of the dialect in the manifest.
        forms: what the weights of a calibrated layer may be written in, the quickest first.
        rounds_outputs: whether what a node in INT8 writes is rounded even where none that reads it is in INT8.
        runs_here: whether its runtime is on this machine, so that the file can be timed.
    """

    key: str
    file: str
    name: str
    forms: tuple[WeightForm, ...]
    rounds_outputs: bool
    runs_here: bool

    def quantizes(self, node: onnx.NodeProto) -> bool:
        """Whether a node can be in INT8."""

    def beyond(self, model: onnx.ModelProto) -> dict[str, str]:
        """{node that the runtime cannot compute in INT8, although it reads such nodes: why}, of a plain model."""

    def settings(self, model: onnx.ModelProto) -> dict[str, Any]:
        """Arguments of `quantize_static` for this fp32 model."""

    def finish(self, model: onnx.ModelProto, bounds: Bounds, floating: Collection[str]) -> None:
        """Complete a model of `quantize_static`, in place, except for the nodes of these names."""

    def check(self, model: onnx.ModelProto) -> None:
        """Refuse a quantized model that its runtime would refuse.

        Raises:
            UserError: the installed onnxruntime wrote something else than was asked for.
        """

    def facts(self, path: Path) -> dict[str, Any]:
        """Facts for the manifest that only files of this dialect have."""


class TensorRT:
    """Signed, symmetric, per-tensor activations and per-channel weights: what TensorRT 8.2's importer accepts.

    It wants three inputs on every Q and DQ, zero-points of 0, scales above 0, and float weights with a Q and a DQ of
    their own; biases stay float. Every input of a convolution or linear layer is quantized and no output: nothing then
    stands between a convolution and its ReLU, which TensorRT fuses, and a Q moves back over pooling by itself. Where a
    convolution's output is added to something else, that is quantized, so that the sum is part of the convolution.
    Transposed convolutions and matrix products (MatMul) stay in floating point, and convolutions that a builder of
    some version cannot compute in INT8.
    """

    key = "int8"
    file = "model.int8.onnx"
    name = "tensorrt"
    forms: tuple[WeightForm, ...] = (INT8,)
    rounds_outputs = False
    runs_here = False
    layers = ("Conv", "Gemm")

    def quantizes(self, node: onnx.NodeProto) -> bool:
        """Convolutions, linear layers whose channels are axis 0, and sums with the output of a convolution."""
        return (node.op_type in self.layers and not _rows_are_inputs(node)) or node.op_type == "Add"

    def beyond(self, model: onnx.ModelProto) -> dict[str, str]:
        """Convolutions beyond `boards.int8_limits`, of any version: the bundle is for all of them."""
        shapes = {item.name: tuple(item.dims) for item in model.graph.initializer}
        added = {name for node in model.graph.node if node.op_type == "Add" for name in node.input}
        reasons = {}
        for node in model.graph.node:
            if node.op_type == "Conv" and node.input[1] in shapes:
                groups = next((item.i for item in node.attribute if item.name == "group"), 1)
                outputs, inputs = shapes[node.input[1]][:2]
                convolution = Convolution(inputs * groups, outputs, groups, node.output[0] in added)
                if why := beyond_int8(convolution):
                    reasons[node.name] = why
        return reasons

    def settings(self, model: onnx.ModelProto) -> dict[str, Any]:
        """Arguments of `quantize_static`."""
        from onnxruntime.quantization import QuantType

        return {
            "op_types_to_quantize": list(self.layers),
            "nodes_to_exclude": [
                *(node.name for node in model.graph.node if _rows_are_inputs(node)),
                *self.beyond(model),
            ],
            "activation_type": QuantType.QInt8,
            "weight_type": QuantType.QInt8,
            "extra_options": {
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "AddQDQPairToWeight": True,
                "DedicatedQDQPair": True,
                "QuantizeBias": False,
                "OpTypesToExcludeOutputQuantization": list(self.layers),
            },
        }

    def finish(self, model: onnx.ModelProto, bounds: Bounds, floating: Collection[str]) -> None:
        """Let only layers read quantized tensors, and quantize the residual inputs of sums with a convolution."""
        self._give_back(model)
        quantize_residuals(model, bounds, floating)

    def _give_back(self, model: onnx.ModelProto) -> None:
        """Let nodes in floating point read plain tensors: `quantize_static` gives all readers the quantized one."""
        makers = {name: node for node in model.graph.node for name in node.output}
        constants = {item.name for item in model.graph.initializer}

        def rounds(name: str) -> bool:
            return name in makers and makers[name].op_type == "DequantizeLinear"

        for node in model.graph.node:
            if node.op_type == "QuantizeLinear" or (node.op_type in self.layers and rounds(node.input[1])):
                continue
            for place, name in enumerate(node.input):
                if rounds(name) and (source := makers[makers[name].input[0]].input[0]) not in constants:
                    node.input[place] = source

    def check(self, model: onnx.ModelProto) -> None:
        """Refuse what TensorRT 8.2 refuses."""
        constants = _constants(model)
        nodes = [node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
        if not nodes:
            raise _refused(self.file, "no layer of it could be quantized")
        for node in nodes:
            if len(node.input) != 3:
                raise _refused(self.file, f"{node.name} has no zero-point")
            scale, zero_point = constants[node.input[1]], constants[node.input[2]]
            if zero_point.dtype != np.int8 or zero_point.any() or zero_point.shape != scale.shape:
                raise _refused(self.file, f"{node.name} has the zero-point {zero_point.dtype} {zero_point.tolist()}")
            if not (np.isfinite(scale) & (scale > 0)).all():
                raise _refused(self.file, f"{node.name} has a scale of {scale.min()}")
            if scale.ndim and _axis(node) != 0:
                raise _refused(self.file, f"{node.name} is per channel on axis {_axis(node)}")
        for node in model.graph.node:
            # The weight is computed by a DQ, so its shape is no constant to the importer.
            if node.op_type == "Conv" and not any(item.name == "kernel_shape" for item in node.attribute):
                raise _refused(self.file, f"{node.name} has no kernel_shape")

    def facts(self, path: Path) -> dict[str, Any]:
        """Nothing: TensorRT computes in integers or refuses."""
        return {}


class OnnxRuntimeCpu:
    """Unsigned activations with a zero-point, per-channel weights, int32 biases: what ONNX Runtime fuses.

    Operators of which ONNX Runtime has no integer kernel stay in floating point: in Q/DQ form they would be computed
    in fp32 all the same, of weights that are rounded for nothing.

    Args:
        target: the processors that the file is for; see `weight_forms`.
    """

    key = "int8-cpu"
    file = "model.int8-cpu.onnx"
    name = "onnxruntime-cpu"
    rounds_outputs = True
    runs_here = True
    without_kernel = (
        "ConvTranspose",
        "BatchNormalization",
        "InstanceNormalization",
        "LayerNormalization",
        "EmbedLayerNormalization",
        "CumSum",
    )

    def __init__(self, target: Target = ANY) -> None:
        self.target = target
        self.forms = FORMS[target]

    def quantizes(self, node: onnx.NodeProto) -> bool:
        """All that ONNX Runtime's quantizer knows and its CPU computes in integers."""
        return node.op_type in self._kinds()

    def beyond(self, model: onnx.ModelProto) -> dict[str, str]:
        """None: what has no integer kernel is not quantized."""
        return {}

    def settings(self, model: onnx.ModelProto) -> dict[str, Any]:
        """Arguments of `quantize_static`."""
        from onnxruntime.quantization import QuantType

        return {
            "op_types_to_quantize": sorted(self._kinds()),
            "activation_type": QuantType.QUInt8,
            "weight_type": QuantType.QInt8,
            "extra_options": {},
        }

    def _kinds(self) -> set[str]:
        from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

        return {*QDQRegistry, *QLinearOpsRegistry} - {*self.without_kernel}

    def finish(self, model: onnx.ModelProto, bounds: Bounds, floating: Collection[str]) -> None:
        """Nothing is missing."""

    def check(self, model: onnx.ModelProto) -> None:
        """Refuse activations that are not uint8, which ONNX Runtime would run without fusing, and weights that
        saturate on a processor that the file is for.
        """
        constants = _constants(model)
        quantized = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
        if not quantized:
            raise _refused(self.file, "no layer of it could be quantized")
        for node in quantized:
            if constants[node.input[2]].dtype != np.uint8:
                raise _refused(self.file, f"{node.name} writes {constants[node.input[2]].dtype}")
        if self.target == ANY and (layers := saturating_layers(model)):
            raise _refused(self.file, f"{layers[0]} has int8 weights of 8 bits, whose products saturate without VNNI")

    def facts(self, path: Path) -> dict[str, Any]:
        """The processors on which ONNX Runtime computes the file exactly."""
        import onnx

        return {"exact_on": exact_on(onnx.load(str(path)))}


def dialects(int8_cpu_target: Target = ANY) -> tuple[Dialect, ...]:
    """All dialects, the one for CPUs written for these processors."""
    return TensorRT(), OnnxRuntimeCpu(int8_cpu_target)


DIALECTS = dialects()


def _rows_are_inputs(node: onnx.NodeProto) -> bool:
    """Whether it is a linear layer with a weight (inputs, outputs): its channels are axis 1, not TensorRT's 0."""
    return node.op_type == "Gemm" and not any(item.name == "transB" and item.i for item in node.attribute)


def _axis(node: onnx.NodeProto) -> int:
    """Axis of a Q or DQ; 1 where it is not written."""
    return next((item.i for item in node.attribute if item.name == "axis"), 1)


def _constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    from onnx import numpy_helper

    return {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}


def _refused(file: str, why: str) -> UserError:
    import onnxruntime

    return UserError(
        f"{file} would be refused on the board: {why} (written by onnxruntime {onnxruntime.__version__}); "
        "export without --int8, or install the onnxruntime that edgesynth was tested with"
    )
