"""Small ONNX files as exporters write them: LeNet-like, residual, quantized, and with one operator of choice."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static


def write(path, nodes, weights=None, inputs=None, opset=13, ir=7, outputs=("out",), out_type=TensorProto.FLOAT):
    """A model of these nodes; weights are arrays by name, inputs shapes by name (`N` for a free batch)."""
    graph = helper.make_graph(
        nodes,
        "network",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in (inputs or {"images": ["N", 3, 16, 16]}).items()
        ],
        [helper.make_tensor_value_info(name, out_type, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    imports = [helper.make_opsetid(domain, opset if not domain else 1) for domain in {"", *(n.domain for n in nodes)}]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=ir), str(path))
    return path


def weight(*shape):
    return np.random.default_rng(0).normal(0, 0.2, shape).astype(np.float32)


def lenet(path, **changes):
    """Conv, ReLU, MaxPool, Flatten, Gemm on (1, 28, 28)."""
    nodes = [
        helper.make_node("Conv", ["images", "w1", "b1"], ["a"], name="conv", kernel_shape=[5, 5]),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("MaxPool", ["b"], ["c"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["c"], ["d"], name="flatten"),
        helper.make_node("Gemm", ["d", "w2", "b2"], ["out"], name="fc", transB=1),
    ]
    weights = {"w1": weight(6, 1, 5, 5), "b1": weight(6), "w2": weight(10, 864), "b2": weight(10)}
    return write(path, nodes, weights, {"images": ["N", 1, 28, 28]}, **changes)


def residual(path, **changes):
    """A stem, a block with an addition, pooling over the image, a linear layer."""
    nodes = [
        helper.make_node("Conv", ["images", "w0"], ["s"], name="stem", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["s"], ["t"], name="stem_relu"),
        helper.make_node("Conv", ["t", "w1"], ["u"], name="block_conv", pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["u", "t"], ["v"], name="block_add"),
        helper.make_node("GlobalAveragePool", ["v"], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "w2"], ["out"], name="fc", transB=1),
    ]
    weights = {"w0": weight(8, 3, 3, 3), "w1": weight(8, 8, 3, 3), "w2": weight(10, 8)}
    return write(path, nodes, weights, **changes)


def single(path, op, outputs=("out",), weights=None, inputs=("images",), extra=(), **attributes):
    """One operator on an image, at opset 13 unless `opset` says otherwise."""
    opset = attributes.pop("opset", 13)
    domain = attributes.pop("domain", "")
    shapes = {"images": ["N", 3, 16, 16], **dict(extra)}
    node = helper.make_node(op, list(inputs), list(outputs), name="it", domain=domain, **attributes)
    return write(path, [node], weights, shapes, opset=opset, outputs=outputs[:1])


class _Images(CalibrationDataReader):
    def __init__(self, shape):
        self.batches = iter([{"images": np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)}])

    def get_next(self):
        return next(self.batches, None)


def quantized(source, path, for_tensorrt=True, kinds=("Conv",)):
    """The Q/DQ form: for TensorRT, or the unsigned one that ONNX Runtime fuses."""
    shape = [dim.dim_value or 2 for dim in onnx.load(str(source)).graph.input[0].type.tensor_type.shape.dim]
    options = {"ActivationSymmetric": True, "WeightSymmetric": True, "AddQDQPairToWeight": True, "QuantizeBias": False}
    quantize_static(
        str(source),
        str(path),
        _Images(shape),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        op_types_to_quantize=list(kinds),
        activation_type=QuantType.QInt8 if for_tensorrt else QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options=options if for_tensorrt else {},
    )
    model = onnx.load(str(path))
    del model.opset_import[1:]
    onnx.save(model, str(path))
    return path
