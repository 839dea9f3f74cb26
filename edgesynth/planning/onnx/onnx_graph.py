"""An ONNX file as a parser sees it: its nodes, what is constant, and what follows from both. Needs the package onnx."""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from edgesynth.errors import UserError
from edgesynth.files.onnx_external import check_external_files

# Behind these a parser still sees the constant: Q and DQ of a weight, and what does nothing.
_TRANSPARENT = ("QuantizeLinear", "DequantizeLinear", "Identity")

# A constant of more elements is no shape: the highest rank in use is 5, a slice or a pad has two numbers for each axis.
LARGEST_SHAPE = 64


class Node(NamedTuple):
    """One operator.

    Attributes:
        op: its type.
        domain: "" for ONNX's own.
        name: its name, else that of its first output.
        inputs: names of its inputs; "" for one that is left out.
        outputs: names of its outputs, likewise.
        attributes: values by name.
    """

    op: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    def input(self, index: int) -> str:
        """An input's name, "" if it is not given."""
        return self.inputs[index] if index < len(self.inputs) else ""


class OnnxGraph:
    """A file, read without the weights that lie beside it.

    Attributes:
        path: the file.
        proto: onnx's own object.
        opset: version of ONNX's operator set.
        ir: version of the file format.
        nodes: all operators in their order, those of inner graphs after the one that holds them.
    """

    def __init__(self, path: str, proto: Any) -> None:
        self.path = path
        self.proto = proto
        self.opset = next(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))
        self.ir = proto.ir_version
        self.nodes: list[Node] = []
        self._tensors: dict[str, Any] = {}
        self._producers: dict[str, Node] = {}
        for graph in _graphs(proto.graph):
            self._tensors.update((tensor.name, tensor) for tensor in graph.initializer)
            for node in map(_node, graph.node):
                self.nodes.append(node)
                self._producers.update((name, node) for name in node.outputs if name)
                if node.op == "Constant" and "value" in node.attributes:
                    self._tensors[node.outputs[0]] = node.attributes["value"]

    @property
    def file(self) -> str:
        """The file's name without its folder."""
        return os.path.basename(self.path)

    @property
    def tensors(self) -> dict[str, Any]:
        """Constants with their bytes: initializers and Constant nodes."""
        return self._tensors

    @property
    def fixed_batch(self) -> int | None:
        """Images per run that the file is fixed to; None if it takes any number."""
        for value in self.proto.graph.input:
            lengths = value.type.tensor_type.shape.dim
            if value.name not in self._tensors and len(lengths) > 1:
                return lengths[0].dim_value or None
        return None

    @property
    def weights_bytes(self) -> float:
        """Bytes of all constants, as the file stores them."""
        sizes = [elements(tensor.dims) * element_size(tensor.data_type) for tensor in self._tensors.values()]
        return float(sum(sizes))

    def constant(self, name: str) -> Any | None:
        """The tensor behind a name, through Q, DQ and Identity; None if it is computed or not a tensor."""
        seen: set[str] = set()
        while name not in self._tensors:
            node = self._producers.get(name)
            if node is None or node.op not in _TRANSPARENT or name in seen:
                return None
            seen.add(name)
            name = node.input(0)
        return self._tensors[name]

    def is_constant(self, name: str) -> bool:
        """Whether a parser takes a name for weights; Constant nodes may hold plain numbers instead of a tensor."""
        producer = self._producers.get(name)
        return self.constant(name) is not None or (producer is not None and producer.op == "Constant")

    def array(self, name: str) -> Any:
        """Values of a constant as a numpy array.

        Raises:
            UserError: they lie beside the file and cannot be read.
        """
        from onnx import numpy_helper

        try:
            return numpy_helper.to_array(self._tensors[name], base_dir=os.path.dirname(os.path.abspath(self.path)))
        except (OSError, ValueError) as error:
            raise UserError(f"{self.path}: the values of {name} cannot be read ({error})") from None

    def operators(self, domain: str = "") -> dict[str, int]:
        """How often each operator of a domain occurs, by name."""
        counts: dict[str, int] = {}
        for node in self.nodes:
            if node.domain == domain:
                counts[node.op] = counts.get(node.op, 0) + 1
        return dict(sorted(counts.items()))

    def is_quantized(self) -> bool:
        """Whether it holds Q or DQ nodes."""
        return any(node.op in ("QuantizeLinear", "DequantizeLinear") for node in self.nodes)


def read_graph(path: str) -> OnnxGraph:
    """Read an ONNX file; weights beside it must be there and are not read.

    Raises:
        UserError: it does not exist, is not ONNX, holds no network, or its weights are missing or lie elsewhere.
    """
    import onnx
    from google.protobuf.message import DecodeError

    if not os.path.isfile(path):
        raise UserError(f"{path} is not a file; give an .onnx file or the folder of a bundle")
    check_external_files(path)
    try:
        proto = onnx.load(path, load_external_data=False)
    except DecodeError:
        raise UserError(f"{path} is not an ONNX file, or cut off; export it again") from None
    if not any(entry.domain in ("", "ai.onnx") for entry in proto.opset_import) or not proto.graph.output:
        raise UserError(f"{path} holds no network (no outputs, or no operator set of ONNX); export it again")
    _check_whole(proto, path)
    graph = OnnxGraph(path, proto)
    for name, tensor in graph.tensors.items():
        if tensor.data_type not in onnx.TensorProto.DataType.values():
            raise UserError(f"{path} is damaged ({name} has no type that there is); export it again")
    return graph


def _without_weights(proto: Any) -> Any:
    """A copy of a model that can be serialized whatever it weighs: of large weights it has the types alone."""
    import onnx

    small = onnx.ModelProto(ir_version=proto.ir_version)
    small.opset_import.extend(proto.opset_import)
    small.functions.extend(proto.functions)
    small.graph.name = proto.graph.name or "network"
    small.graph.node.extend(proto.graph.node)
    small.graph.output.extend(proto.graph.output)
    inputs = {value.name: value for value in proto.graph.input}
    for tensor in proto.graph.initializer:
        if elements(tensor.dims) <= LARGEST_SHAPE and not tensor.external_data:
            small.graph.initializer.append(tensor)
        elif tensor.name not in inputs:
            inputs[tensor.name] = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
    small.graph.input.extend(inputs.values())
    return small


def _check_whole(proto: Any, path: str) -> None:
    """Refuse a file that ONNX itself takes for damaged; operators that it does not know are the parser's business.

    Raises:
        UserError: see above.
    """
    import onnx

    try:
        small = _without_weights(proto)
        for value in small.graph.output:
            # Not every exporter writes the shapes of outputs, and no parser asks for them.
            if value.type.WhichOneof("value") in (None, "tensor_type"):
                value.type.tensor_type.shape.SetInParent()
        onnx.checker.check_model(small, skip_opset_compatibility_check=True)
    except (onnx.checker.ValidationError, UnicodeDecodeError) as error:
        why = str(error).split("\n")[0]
        if "is deprecated" in why:  # such as the first GroupNormalization, which parsers take all the same
            return
        raise UserError(f"{path} is damaged ({why}); export it again") from None


def elements(dims: Any) -> int:
    """Product of a shape."""
    count = 1
    for size in dims:
        count *= size
    return count


def element_size(data_type: int) -> float:
    """Bytes of one element of an ONNX type; half a byte for 4-bit types."""
    from onnx import TensorProto, helper

    if TensorProto.DataType.Name(data_type) in ("INT4", "UINT4", "FLOAT4E2M1"):
        return 0.5
    return float(helper.tensor_dtype_to_np_dtype(data_type).itemsize)


def _graphs(graph: Any) -> Iterator[Any]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from _graphs(inner)


def _node(proto: Any) -> Node:
    from onnx import helper

    attributes = {item.name: helper.get_attribute_value(item) for item in proto.attribute}
    domain = "" if proto.domain == "ai.onnx" else proto.domain
    return Node(
        op=proto.op_type,
        domain=domain,
        name=proto.name or next(iter(proto.output), proto.op_type),
        inputs=tuple(proto.input),
        outputs=tuple(proto.output),
        attributes={
            name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            for name, value in attributes.items()
        },
    )
