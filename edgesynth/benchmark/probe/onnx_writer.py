"""Writing a small ONNX graph node by node: the board has no package onnx."""

import functools
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from edgesynth.benchmark.probe.onnx_graph import Node
from edgesynth.files.protobuf import field

OPSET, IR = 13, 7

# Field numbers and values of onnx.proto.
_MODEL_IR, _MODEL_PRODUCER, _MODEL_GRAPH, _MODEL_OPSET, _OPSET_VERSION = 1, 2, 7, 8, 2
_GRAPH_NODE, _GRAPH_NAME, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 2, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OP, _NODE_ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_I, _ATTRIBUTE_INTS, _ATTRIBUTE_TYPE, _INT, _INTS = 1, 3, 8, 20, 2, 7
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW, _FLOAT, _FLOAT16 = 1, 2, 8, 9, 1, 10
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _ELEMENT, _SHAPE, _DIM, _DIM_VALUE = 1, 2, 1, 1, 2, 1, 1


class LayerFile(NamedTuple):
    """An ONNX file in memory.

    Attributes:
        content: its bytes.
        tensors: names of its input and of all that its nodes write.
    """

    content: bytes
    tensors: List[str]


class GraphWriter:
    """A graph that is written node by node.

    Args:
        half: whether the types within are FP16; input and output are FP32 always.
        form: the fields of a file that say its IR and opset, as `onnx_graph.Graph` reads them; None for opset 13.
    """

    def __init__(self, half: bool, form: Optional[bytes] = None) -> None:
        self._half = half
        self._form = field(_MODEL_IR, IR) + field(_MODEL_OPSET, field(_OPSET_VERSION, OPSET)) if form is None else form
        self._kept: Dict[str, str] = {}
        self._drawn = 0
        self._message = field(_GRAPH_NAME, "probe")
        self._weights = 0
        self.tensors: List[str] = []
        self.rank = 0  # axes of the image beside batch and channels

    def image(self, dims: Sequence[int]) -> str:
        """The input."""
        self._message += field(_GRAPH_INPUT, _value("images", dims))
        self.tensors.append("images")
        self.rank = max(len(dims) - 2, 0)
        return self.node("Cast", ["images"], to=_FLOAT16) if self._half else "images"

    def weight(self, dims: Sequence[int]) -> str:
        """A stored tensor of noise that leaves values at their size."""
        name = "weight{}".format(self._weights)
        self._weights += 1
        fan_in = max(int(np.prod(dims[1:])), 1)
        values = self._noise(int(np.prod(dims))) / np.sqrt(fan_in)
        tensor = b"".join(field(_TENSOR_DIMS, int(length)) for length in dims)
        tensor += field(_TENSOR_TYPE, _FLOAT16 if self._half else _FLOAT) + field(_TENSOR_NAME, name)
        tensor += field(_TENSOR_RAW, values.astype("<f2" if self._half else "<f4").tobytes())
        self._message += field(_GRAPH_INITIALIZER, tensor)
        return name

    def node(self, op: str, inputs: Sequence[str], **attributes: Any) -> str:
        """A node; the name of what it writes."""
        written = "tensor{}".format(len(self.tensors))
        self.tensors.append(written)
        self._add(op, inputs, written, attributes)
        return written

    def keep(self, tensor: str, stored: bytes) -> None:
        """Take a stored tensor of another file over, once; nodes that are copied read it by its name there."""
        if tensor not in self._kept:
            self._kept[tensor] = "kept" + str(len(self._kept))
            # Of two names in a message the last one counts.
            self._message += field(_GRAPH_INITIALIZER, bytes(stored) + field(_TENSOR_NAME, self._kept[tensor]))

    def copy(self, node: Node, names: Dict[str, str]) -> None:
        """Take a node of another file over.

        Args:
            node: as it was read.
            names: of tensors there the name here, those that are kept besides; what the node writes is added.
        """
        for written in node.outputs:
            if written:
                names[written] = "tensor{}".format(len(self.tensors))
                self.tensors.append(names[written])
        known = dict(self._kept, **names)
        self._message += field(_GRAPH_NODE, node.renamed({"": "", **known}))

    def file(self, last: str, dims: Sequence[int]) -> LayerFile:
        """The file whose output is the last tensor."""
        return self.file_of({self.node("Cast", [last], to=_FLOAT) if self._half else last: dims})

    def file_of(self, outputs: Dict[str, Sequence[int]]) -> LayerFile:
        """The file with these outputs, each with its shape; within an FP32 graph alone."""
        for output, dims in outputs.items():
            self._message += field(_GRAPH_OUTPUT, _value(output, dims))
        model = field(_MODEL_PRODUCER, "edgesynth probe") + field(_MODEL_GRAPH, self._message) + self._form
        return LayerFile(model, self.tensors)

    def _noise(self, count: int) -> np.ndarray:
        pool = _pool()
        place = self._drawn % (len(pool) // 2)
        self._drawn += count
        return np.resize(pool[place:], count)

    def _add(self, op: str, inputs: Sequence[str], written: str, attributes: Any) -> None:
        node = b"".join(field(_NODE_INPUT, name) for name in inputs) + field(_NODE_OUTPUT, written)
        node += field(_NODE_NAME, "{} {}".format(op, written)) + field(_NODE_OP, op)
        for name, value in sorted(attributes.items()):
            attribute = field(_ATTRIBUTE_NAME, name)
            if isinstance(value, int):
                attribute += field(_ATTRIBUTE_I, value) + field(_ATTRIBUTE_TYPE, _INT)
            else:
                attribute += b"".join(field(_ATTRIBUTE_INTS, int(number)) for number in value)
                attribute += field(_ATTRIBUTE_TYPE, _INTS)
            node += field(_NODE_ATTRIBUTE, attribute)
        self._message += field(_GRAPH_NODE, node)


def _value(name: str, dims: Sequence[int]) -> bytes:
    shape = b"".join(field(_DIM, field(_DIM_VALUE, int(length))) for length in dims)
    tensor = field(_ELEMENT, _FLOAT) + field(_SHAPE, shape)
    return field(_VALUE_NAME, name) + field(_VALUE_TYPE, field(_TYPE_TENSOR, tensor))


@functools.lru_cache(maxsize=1)
def _pool() -> np.ndarray:
    """Noise that all weights are cut from: to draw it anew takes longer than to time a layer."""
    return np.random.RandomState(0).standard_normal(1 << 18)
