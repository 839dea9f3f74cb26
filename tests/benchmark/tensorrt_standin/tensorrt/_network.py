"""What a parser makes of a file: tensors, and layers, some of which help and have names of their own.

A Gemm becomes a constant, a product, a constant, a shuffle and a sum, whose tensors are named as in the calibration
caches that TensorRT 8.5 writes; only the last tensor has the file's name.
"""

import numpy as np

from tensorrt._onnx_file import Model
from tensorrt._strict import Strict, member

_FLOATS = ("FLOAT", "HALF")
_KINDS = {
    "Conv": "CONVOLUTION",
    "ConvTranspose": "DECONVOLUTION",
    "MatMul": "MATRIX_MULTIPLY",
    "Shape": "SHAPE",
    "Relu": "ACTIVATION",
    "Clip": "ACTIVATION",
    "Sigmoid": "ACTIVATION",
    "MaxPool": "POOLING",
    "AveragePool": "POOLING",
    "GlobalAveragePool": "POOLING",
    "Flatten": "SHUFFLE",
    "Reshape": "SHUFFLE",
    "Transpose": "SHUFFLE",
    "Identity": "IDENTITY",
    "Softmax": "SOFTMAX",
    "Concat": "CONCATENATION",
    "QuantizeLinear": "QUANTIZE",
    "DequantizeLinear": "DEQUANTIZE",
}
_SUMS = {"Add": "SUM", "Sub": "SUB", "Mul": "PROD", "Div": "DIV"}
_WORDS = {
    "CONSTANT": "Constant",
    "SHUFFLE": "Shuffle",
    "ELEMENTWISE": "ElementWise",
    "MATRIX_MULTIPLY": "Matrix Multiply",
    "SOFTMAX": "Softmax",
}


class ITensor(Strict):
    def __init__(self, name, shape=(), kind="FLOAT", is_output=False):
        self._name, self._shape = name, shape
        self._kind, self._is_output = kind, is_output
        self._amax = None

    @property
    def dtype(self):
        return member("DataType", self._kind)

    @property
    def name(self):
        return self._name

    @property
    def shape(self):
        return self._shape

    @property
    def is_network_output(self):
        return self._is_output

    def set_dynamic_range(self, low, high):
        if self._kind not in _FLOATS or not (low == -high and 0 < high < float("inf")):
            return False
        self._amax = high
        return True


class ILayer(Strict):
    """A layer of the parser's: one that helps has no name of the file's, nor has its tensor."""

    def __init__(self, name, kind, inputs, outputs, **facts):
        self._name, self._kind, self._inputs, self._tensors = name, kind, inputs, outputs
        self._facts = facts
        self._precision, self._output_types = None, {}

    @property
    def name(self):
        return self._name

    @property
    def type(self):
        return member("LayerType", self._kind)

    @property
    def num_inputs(self):
        return len(self._inputs)

    def get_input(self, place):
        return self._inputs[place]

    @property
    def num_outputs(self):
        return len(self._tensors)

    def get_output(self, place):
        return self._tensors[place]

    @property
    def precision(self):
        return self._precision

    @precision.setter
    def precision(self, kind):
        if not _fit(self._tensors[0], kind):
            raise SystemError(f"{self._name} is of {self._tensors[0].dtype.name}: {kind.name} cannot be set")
        self._precision = kind

    def set_output_type(self, place, kind):
        tensor = self._tensors[place]
        if not _fit(tensor, kind):
            raise SystemError(f"{self._name} writes {tensor.dtype.name}, not {kind.name}")
        if tensor._is_output and tensor.dtype != kind:
            raise SystemError(f"{tensor.name} leaves the network as {tensor.dtype.name}, and {kind.name} was set")
        self._output_types[place] = kind

    def _of_kind(self, kind, fact):
        if self._kind != kind:
            raise SystemError(f"segmentation fault: {self._name} is a {self._kind} and was taken for a {kind}")
        return self._facts[fact]


def _fit(tensor, kind):
    return tensor.dtype == kind or {tensor.dtype.name, kind.name} <= set(_FLOATS)


class IConstantLayer(ILayer):
    @property
    def weights(self):
        return self._of_kind("CONSTANT", "values")


class IElementWiseLayer(ILayer):
    @property
    def op(self):
        return member("ElementWiseOperation", self._of_kind("ELEMENTWISE", "operation"))


class Parsed:
    """The layers of a file, and its tensors by name."""

    def __init__(self, content):
        model = Model(content)
        self.layers, self.tensors = [], {}
        self._values, self._outputs = model.constants, set(model.outputs)
        for node in model.nodes:
            self._add(node)

    def tensor(self, name, kind="FLOAT"):
        return self.tensors.setdefault(name, ITensor(name, (), kind, name in self._outputs))

    def _layer(self, kind, inputs, node=None, dtype="FLOAT", **facts):
        """A layer whose tensor is the node's, or one that helps."""
        name = node.name if node is not None else f"(Unnamed Layer* {len(self.layers)}) [{_WORDS[kind]}]"
        outputs = [n for n in node.output if n] if node is not None else [f"{name}_output"]
        tensors = [self.tensor(output, dtype) for output in outputs]
        self.layers.append(ILayer(name, kind, inputs, tensors, node=node, **facts))
        return tensors[0]

    def _constant(self, values, shuffled=False):
        kind = "FLOAT" if values.dtype.kind == "f" else "INT32"
        tensor = self._layer("CONSTANT", [], dtype=kind, values=values)
        return self._layer("SHUFFLE", [tensor], dtype=kind) if shuffled else tensor

    def _add(self, node):
        given = [name for name in node.input if name and name not in self._values]
        constants = [self._values[name] for name in node.input if name in self._values]
        if node.op_type == "Gemm" and len(constants) == 2:
            product = self._layer("MATRIX_MULTIPLY", [self.tensor(given[0]), self._constant(constants[0])])
            bias = self._constant(constants[1], shuffled=True)
            self._layer("ELEMENTWISE", [product, bias], node, operation="SUM", product=product)
        elif node.op_type in ("Gemm", "MatMul"):
            read = [self.tensor(name) for name in given] + [self._constant(values) for values in constants]
            self._layer("MATRIX_MULTIPLY", read, node)
        elif node.op_type in _SUMS:
            read = [self.tensor(name) for name in given]
            read += [self._constant(values, shuffled=True) for values in constants]
            self._layer("ELEMENTWISE", read, node, operation=_SUMS[node.op_type])
        elif node.op_type.startswith("Reduce"):
            # The reductions need a constant and a layer that helps.
            factor = self._constant(np.ones(1, np.float32))
            self._constant(np.ones(1, np.int32), shuffled=True)
            scaled = self._layer("ELEMENTWISE", [self.tensor(given[0]), factor], operation="PROD")
            self._layer("REDUCE", [scaled], node)
        elif node.op_type == "Softmax":
            moved = self._layer("SHUFFLE", [self.tensor(given[0])])
            self._layer("SHUFFLE", [self._layer("SOFTMAX", [moved])], node)
        else:
            whole = node.op_type in ("Shape", "Size")
            read = [self.tensor(name) for name in given]
            self._layer(_KINDS.get(node.op_type, "UNARY"), read, node, dtype="INT32" if whole else "FLOAT")
