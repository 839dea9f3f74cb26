"""A plain network quantized by ranges: which layers become INT8, what is warned of, and the numbers that come of it."""

import numpy as np

from tensorrt._onnx_file import Model, node

_PRODUCTS = ("CONVOLUTION", "DECONVOLUTION", "MATRIX_MULTIPLY")
_CAPABLE = (*_PRODUCTS, "ACTIVATION", "POOLING", "ELEMENTWISE", "SHUFFLE", "CONCATENATION", "IDENTITY")
_LEVELS = 127
_MISSING = (
    "Missing scale and zero-point for tensor {}, expect fall back to non-int8 implementation for any layer consuming "
    "or producing given tensor"
)


class Implicit:
    """What the builder decides.

    A layer is INT8 where all that it reads and writes has a range and no precision is pinned. It writes INT8, unless an
    output type is pinned, or the tensor leaves the network.
    """

    def __init__(self, network, obeys):
        self._network, self._obeys = network, obeys
        self._writers = {tensor.name: layer for layer in network._layers for tensor in layer._tensors}

    def warnings(self):
        """One for each floating-point tensor without a range."""
        tensors = self._network._parsed.tensors.values()
        return [_MISSING.format(t.name) for t in tensors if t._kind == "FLOAT" and t._amax is None]

    def precision(self, layer):
        """INT8, FP16 or FP32."""
        if self._obeys and layer._precision is not None:
            return {"HALF": "FP16", "FLOAT": "FP32"}[layer._precision.name]
        ranged = all(t._amax is not None for t in layer._inputs + layer._tensors if t._kind == "FLOAT")
        return "INT8" if ranged and layer._kind in _CAPABLE else "FP16"

    def products(self):
        """Precision of each layer that multiplies, and of each other one that was pinned."""
        return [
            self.precision(layer)
            for layer in self._network._layers
            if layer._kind in _PRODUCTS or (self._obeys and layer._precision is not None)
        ]

    def model(self):
        """The network as ONNX, rounded where INT8 rounds it."""
        model = Model(self._network._model)
        given, model.nodes, self._rounded = model.nodes, [], {}
        for each in given:
            product = self._product_of(each)
            if product is not None and self.precision(product) == "INT8":
                for place, name in enumerate(each.input[:2]):
                    if name in model.constants:
                        model.constants[name] = _rounded_weight(model.constants[name], product)
                    else:
                        each.input[place] = self._round(name, model)
            else:
                for place, name in enumerate(each.input):
                    if self._is_written_in_int8(name):
                        each.input[place] = self._round(name, model)
            model.nodes.append(each)
        return model.written()

    def _product_of(self, written):
        """The layer of a node that multiplies."""
        layer = self._writers.get(written.output[0])
        if layer is not None and "product" in layer._facts:
            layer = self._writers[layer._facts["product"].name]
        return layer if layer is not None and layer._kind in _PRODUCTS else None

    def _is_written_in_int8(self, name):
        layer = self._writers.get(name)
        if layer is None or self._network._parsed.tensors[name]._is_output or self.precision(layer) != "INT8":
            return False
        return not (self._obeys and layer._output_types)

    def _round(self, name, model):
        if name not in self._rounded:
            scale, zero, integers, rounded = [f"{name}_{end}" for end in ("scale", "zero", "int8", "rounded")]
            model.constants[scale] = np.array(self._network._parsed.tensors[name]._amax / _LEVELS, np.float32)
            model.constants[zero] = np.array(0, np.int8)
            model.nodes.append(node("QuantizeLinear", [name, scale, zero], [integers]))
            model.nodes.append(node("DequantizeLinear", [integers, scale, zero], [rounded]))
            self._rounded[name] = rounded
        return self._rounded[name]


def _rounded_weight(values, product):
    """Of a convolution by its channels, of a product by the range of the constant."""
    if product._kind == "MATRIX_MULTIPLY":
        scale = product._inputs[-1]._amax / _LEVELS
    else:
        axes = tuple(range(1, values.ndim))
        scale = np.maximum(np.abs(values).max(axis=axes, keepdims=True), 1e-30) / _LEVELS
    return (np.clip(np.rint(values / scale), -_LEVELS - 1, _LEVELS) * scale).astype(np.float32)


def obeys(config):
    """Whether what was pinned is obeyed."""
    return bool(config._flags & {"OBEY_PRECISION_CONSTRAINTS", "STRICT_TYPES"})
