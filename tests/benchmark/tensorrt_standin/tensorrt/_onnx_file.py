"""An ONNX file, read and written without the package onnx: the stand-in runs under Python 3.6 too."""

import numpy as np

from edgesynth.files.protobuf import field, fields_of, numbers, text

_MODEL_GRAPH, _GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_OUTPUT = 7, 1, 5, 12
_INPUT, _OUTPUT, _NAME, _OP = 1, 2, 3, 4
_DIMS, _TYPE, _FLOATS, _INT32S, _INT64S, _TENSOR_NAME, _RAW = 1, 2, 4, 5, 7, 8, 9
_TYPES = {1: "<f4", 3: "i1", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8"}
_NUMBERS = {np.dtype(kind): number for number, kind in _TYPES.items()}


class Node:
    def __init__(self, content):
        fields = list(fields_of(content))
        self.input = [text(value) for number, value in fields if number == _INPUT]
        self.output = [text(value) for number, value in fields if number == _OUTPUT]
        self.name = "".join(text(value) for number, value in fields if number == _NAME)
        self.op_type = "".join(text(value) for number, value in fields if number == _OP)
        self._others = [field(number, bytes(value)) for number, value in fields if number not in (_INPUT, _OUTPUT)]

    def written(self):
        inputs = b"".join(field(_INPUT, name) for name in self.input)
        return inputs + b"".join(field(_OUTPUT, name) for name in self.output) + b"".join(self._others)


def node(op, inputs, outputs):
    content = b"".join(field(_INPUT, name) for name in inputs) + b"".join(field(_OUTPUT, name) for name in outputs)
    return Node(memoryview(content + field(_OP, op)))


class Model:
    def __init__(self, content):
        self._others, self.nodes, self.constants, self.outputs, self._graph_others = [], [], {}, [], []
        for number, value in fields_of(memoryview(content)):
            if number == _MODEL_GRAPH:
                self._read(value)
            else:
                self._others.append(field(number, value if isinstance(value, int) else bytes(value)))

    def _read(self, graph):
        for number, value in fields_of(graph):
            if number == _GRAPH_NODE:
                self.nodes.append(Node(value))
            elif number == _GRAPH_INITIALIZER:
                name, values = _read_tensor(value)
                self.constants[name] = values
            else:
                self._graph_others.append(field(number, bytes(value)))
                if number == _GRAPH_OUTPUT:
                    self.outputs.append("".join(text(part) for place, part in fields_of(value) if place == 1))

    def written(self):
        graph = b"".join(field(_GRAPH_NODE, each.written()) for each in self.nodes) + b"".join(self._graph_others)
        for name, values in self.constants.items():
            graph += field(_GRAPH_INITIALIZER, _write_tensor(name, values))
        return field(_MODEL_GRAPH, graph) + b"".join(self._others)


def _read_tensor(content):
    fields = dict(fields_of(content))
    dims, kind = numbers(content, _DIMS), np.dtype(_TYPES[fields[_TYPE]])
    if _RAW in fields or _FLOATS in fields:
        values = np.frombuffer(bytes(fields.get(_RAW, fields.get(_FLOATS))), kind)
    else:
        # Negative ones stand there in 64 bits.
        integers = np.array(numbers(content, _INT32S) + numbers(content, _INT64S), np.uint64)
        values = integers.view(np.int64).astype(kind)
    return text(fields[_TENSOR_NAME]), values.reshape(dims)


def _write_tensor(name, values):
    dims = b"".join(field(_DIMS, size) for size in values.shape)
    return dims + field(_TYPE, _NUMBERS[values.dtype]) + field(_TENSOR_NAME, name) + field(_RAW, values.tobytes())
