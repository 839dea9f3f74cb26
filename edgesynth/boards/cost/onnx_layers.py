"""The kernels of an ONNX file after the fusions that TensorRT makes.

Fused into a convolution or a fully connected layer, so that they cost nothing but the residual input they read: the
normalisation, bias, scale, activation and addition that follow it. Convolutions of the same window that read the same
tensor run as one kernel. Chains of elementwise operators run as one kernel. Concatenation and reshapes move nothing.
Quantisation (Q/DQ) is part of the kernels beside it.
"""

from typing import Any, Dict, List, Optional, Set, Tuple

from edgesynth.boards.cost.layers import (
    CONVOLUTION,
    COPY,
    ELEMENTWISE,
    LINEAR,
    NORMALISATION,
    POINTWISE,
    POOLING,
    Layer,
    product,
)
from edgesynth.errors import UserError

_PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_FREE = set(
    "Identity Dropout Flatten Reshape Squeeze Unsqueeze Concat Cast Constant QuantizeLinear DequantizeLinear".split()
)
_ACTIVATIONS = set("Relu LeakyRelu Clip Elu Selu Sigmoid Tanh HardSigmoid Softplus Softsign ThresholdedRelu".split())
_ELEMENTWISE = _ACTIVATIONS | set(
    "Add Sub Mul Div Pow Max Min Neg Abs Exp Log Sqrt Erf Reciprocal PRelu HardSwish Mish Gelu Where Floor Ceil Round "
    "Sign Equal Greater Less And Or Not BatchNormalization".split()
)
_RESIDUAL = "residual"
_POOLING = set("MaxPool AveragePool GlobalAveragePool GlobalMaxPool LpPool".split())
_NORMALISATION = set(
    "LRN Softmax LogSoftmax InstanceNormalization LayerNormalization GroupNormalization LpNormalization "
    "MeanVarianceNormalization".split()
)


class _Kernel:
    """A kernel while it is being put together."""

    def __init__(self, name: str, kind: str, inputs: Set[str]) -> None:
        self.name = name
        self.kind = kind
        self.inputs = inputs
        self.outputs = set()  # type: Set[str]
        self.fused = []  # type: List[str]
        self.layer = None  # type: Optional[Layer]
        self.siblings = None  # type: Optional[Tuple[Any, ...]]


def read_layers(path: str) -> List[Layer]:
    """Read the kernels of an ONNX file, in their order; counted for a batch of one.

    Args:
        path: an ONNX file; its weights may lie beside it, they are not read.

    Raises:
        UserError: it cannot be read, is no ONNX file, or has an input of free height, width or channels.
    """
    return layers_of(_load(path), path)


def layers_of(model: Any, name: str = "the model") -> List[Layer]:
    """The kernels of an ONNX model in memory (an `onnx.ModelProto`, which is not changed); see `read_layers`."""
    shapes, constants, images = _shapes(model, name)
    graph = model.graph
    readers = {}  # type: Dict[str, int]
    for node in graph.node:
        for tensor in node.input:
            readers[tensor] = readers.get(tensor, 0) + 1
    for value in graph.output:
        readers[value.name] = readers.get(value.name, 0) + 1
    fusion = _Fusion(shapes, constants, readers, images, name)
    for node in graph.node:
        fusion.take(node)
    return fusion.layers()


class _Fusion:
    """Takes the nodes of a graph in their order and joins them into kernels.

    Args:
        shapes: of every tensor of the graph.
        constants: tensors that do not depend on the input.
        readers: how often each tensor is read.
        images: the batch that the shapes are for.
        name: of the file, for messages.
    """

    def __init__(
        self, shapes: Dict[str, Tuple[int, ...]], constants: Set[str], readers: Dict[str, int], images: int, name: str
    ) -> None:
        self._shapes = shapes
        self._constants = constants
        self._readers = readers
        self._images = images
        self._file = name
        self._kernels = []  # type: List[_Kernel]
        self._open = {}  # type: Dict[str, _Kernel]
        self._source = {}  # type: Dict[str, str]

    def take(self, node: Any) -> None:
        """Add the next node: to the kernel before it where TensorRT fuses the two, else as a kernel of its own."""
        read = [tensor for tensor in node.input if tensor]
        moving = [tensor for tensor in read if tensor not in self._constants]
        if not moving or node.op_type == "Shape":
            self._constants.update(node.output)
            return
        output = node.output[0]
        if node.op_type in _FREE:
            self._pass(moving, output)
        elif node.op_type in _PRODUCTS:
            self._start_product(node, moving, output)
        elif node.op_type in _ELEMENTWISE:
            self._elementwise(node, moving, output)
        else:
            kind = COPY
            if node.op_type in _POOLING or node.op_type.startswith("Reduce"):
                kind = POOLING
            elif node.op_type in _NORMALISATION:
                kind = NORMALISATION
            self._start(node, kind, moving, list(node.output))

    def layers(self) -> List[Layer]:
        """The kernels of all nodes taken."""
        return [self._finished(kernel) for kernel in self._joined()]

    def _pass(self, moving: List[str], output: str) -> None:
        """Nothing is moved: what reads the output reads the input, and a fusion goes on through it."""
        self._source[output] = self._source.get(moving[0], moving[0])
        if len(moving) == 1 and moving[0] in self._open and self._readers.get(moving[0]) == 1:
            kernel = self._open.pop(moving[0])
            kernel.outputs = {output}
            self._open[output] = kernel

    def _start(self, node: Any, kind: str, moving: List[str], outputs: List[str]) -> _Kernel:
        kernel = _Kernel(node.name or outputs[0], kind, set(moving))
        kernel.outputs = {tensor for tensor in outputs if tensor}
        self._kernels.append(kernel)
        return kernel

    def _start_product(self, node: Any, moving: List[str], output: str) -> None:
        kernel = self._start(node, LINEAR, moving, [output])
        kernel.layer = self._product(node, moving, output)
        kernel.kind = kernel.layer.kind
        self._open[output] = kernel
        if kernel.kind in (CONVOLUTION, POINTWISE) and node.op_type == "Conv" and kernel.layer.groups == 1:
            window = tuple(self._shapes[node.input[1]][2:])
            read = self._source.get(moving[0], moving[0])
            # Strides, padding and dilation show in the number of positions.
            kernel.siblings = (read, window, kernel.layer.rows)

    def _product(self, node: Any, moving: List[str], output: str) -> Layer:
        name = node.name or output
        written = self._size(output)
        weight = next((tensor for tensor in node.input[1:2] if tensor in self._constants), None)
        if node.op_type in ("Conv", "ConvTranspose"):
            if weight is None:
                raise UserError(
                    "{}: the weight of {} is computed, not stored; TensorRT takes stored weights alone: fold "
                    "constants before export".format(self._file, name)
                )
            groups = next((int(entry.i) for entry in node.attribute if entry.name == "group"), 1)
            shape = list(self._shapes[weight])
            if node.op_type == "ConvTranspose":
                # (inputs, outputs of one group, *window); each input position meets the window once.
                shape[:2] = [shape[1] * groups, shape[0] // groups]
                positions = self._positions(moving[0])
            else:
                positions = self._positions(output)
            layer = product(name, shape, positions, self._size(moving[0]), groups)
            layer.writes = written
            return layer
        columns = self._shapes[output][-1]
        rows = max(written // max(columns, 1), 1)
        depth = self._shapes[moving[0]][-1]
        stored = self._size(weight) if weight is not None else 0
        read = sum(self._size(tensor) for tensor in moving)
        return Layer(
            name,
            LINEAR,
            reads=read,
            writes=written,
            macs=rows * columns * depth,
            weights=stored,
            rows=rows,
            columns=max(columns, 1),
        )

    def _elementwise(self, node: Any, moving: List[str], output: str) -> None:
        """Join the latest open kernel that this node alone reads, or start a kernel for a chain of its own."""
        unique = sorted(set(moving), key=moving.index)
        open_kernels = [
            (self._kernels.index(self._open[tensor]), tensor)
            for tensor in unique
            if tensor in self._open and self._readers.get(tensor) == moving.count(tensor)
        ]
        for _, tensor in sorted(open_kernels, reverse=True):
            kernel = self._open[tensor]
            others = [other for other in unique if other != tensor]
            if kernel.kind != ELEMENTWISE and not self._fuses(node, kernel, others):
                continue
            del self._open[tensor]
            kernel.fused.append(node.op_type if not others else _RESIDUAL)
            # Another chain that ends here runs in the same kernel.
            for other in others:
                chain = self._open.get(other)
                if chain and kernel.kind == ELEMENTWISE == chain.kind and self._readers.get(other) == 1:
                    del self._open[other]
                    self._kernels.remove(chain)
                    kernel.inputs |= chain.inputs
                else:
                    kernel.inputs.add(other)
            kernel.outputs = {output}
            self._open[output] = kernel
            return
        kernel = self._start(node, ELEMENTWISE, unique, [output])
        self._open[output] = kernel

    def _fuses(self, node: Any, kernel: _Kernel, others: List[str]) -> bool:
        if others:
            same = all(self._size(other) == self._size(node.output[0]) for other in others)
            return node.op_type in ("Add", "Sum") and same and _RESIDUAL not in kernel.fused
        return node.op_type in _ACTIVATIONS or node.op_type in ("BatchNormalization", "Add", "Sub", "Mul", "Div", "PRelu")

    def _joined(self) -> List[_Kernel]:
        """The kernels, of siblings only the first: widened by the others."""
        first = {}  # type: Dict[Tuple[Any, ...], _Kernel]
        kept = []
        for kernel in self._kernels:
            if kernel.siblings is None or _RESIDUAL in kernel.fused:
                kept.append(kernel)
                continue
            key = kernel.siblings + tuple(kernel.fused)
            if key not in first:
                kept.append(kernel)
                first[key] = kernel
                continue
            one, other = first[key].layer, kernel.layer
            assert one is not None and other is not None
            one.columns += other.columns
            one.macs += other.macs
            one.weights += other.weights
            one.writes += other.writes
            first[key].name += " + " + kernel.name
        return kept

    def _finished(self, kernel: _Kernel) -> Layer:
        reads = sum(self._size(tensor) for tensor in kernel.inputs)
        if kernel.layer is None:
            writes = sum(self._size(tensor) for tensor in kernel.outputs)
            return Layer(kernel.name, kernel.kind, reads=reads, writes=writes)
        kernel.layer.name = kernel.name
        kernel.layer.reads = reads
        return kernel.layer

    def _size(self, tensor: str) -> int:
        size = 1
        for length in self._shape(tensor):
            size *= length
        return size if tensor in self._constants else size // self._images

    def _positions(self, tensor: str) -> int:
        positions = 1
        for length in self._shape(tensor)[2:]:
            positions *= length
        return positions

    def _shape(self, tensor: str) -> Tuple[int, ...]:
        if tensor not in self._shapes:
            raise UserError(
                "{}: the shape of {} cannot be inferred; export with a fixed height and width, "
                "and simplify the file with onnxslim".format(self._file, tensor)
            )
        return self._shapes[tensor]


def _load(path: str) -> Any:
    try:
        import onnx
    except ImportError:
        raise UserError("predicting from {} needs onnx, which is not installed: pip install onnx".format(path)) from None
    try:
        model = onnx.load(path, load_external_data=False)
    except (OSError, ValueError) as error:
        raise UserError("{} cannot be read: {}".format(path, error)) from None
    except Exception as error:  # protobuf's own, whose class depends on its build
        raise UserError("{} is no ONNX file ({}); give one that was exported".format(path, error)) from None
    if not model.graph.node:
        raise UserError("{} holds no ONNX graph; give a file that was exported".format(path))
    return model


def _shapes(model: Any, name: str) -> Tuple[Dict[str, Tuple[int, ...]], Set[str], int]:
    """Shapes of all tensors, the names of stored ones, and the batch that the shapes are for: one unless it is fixed.

    Large weights are replaced by inputs of their shape: inference then neither copies nor reads them.
    """
    from onnx import ModelProto, helper, shape_inference

    bare = ModelProto()
    bare.ir_version = max(model.ir_version, 4)
    bare.opset_import.extend(model.opset_import)
    bare.graph.name = model.graph.name or "graph"
    bare.graph.node.extend(model.graph.node)
    constants = set()
    images = 1
    for tensor in model.graph.initializer:
        constants.add(tensor.name)
        if _count(tensor.dims) <= 64 and not tensor.external_data:
            bare.graph.initializer.append(tensor)
        else:
            bare.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    for value in model.graph.input:
        if value.name in constants:
            continue
        kind = value.type.tensor_type
        lengths = [entry.dim_value if entry.HasField("dim_value") else None for entry in kind.shape.dim]
        if lengths:
            lengths[0] = images = lengths[0] or 1
        if not lengths or any(length is None or length < 1 for length in lengths):
            raise UserError(
                "{}: input {} has the shape {}; only the batch may be free: export with a fixed height and width".format(
                    name, value.name, [entry.dim_param or entry.dim_value for entry in kind.shape.dim]
                )
            )
        bare.graph.input.append(helper.make_tensor_value_info(value.name, kind.elem_type, lengths))
    for value in model.graph.output:
        bare.graph.output.append(helper.make_empty_tensor_value_info(value.name))
    try:
        inferred = shape_inference.infer_shapes(bare, data_prop=True).graph
    except Exception as error:
        raise UserError("{}: shapes cannot be inferred: {}".format(name, " ".join(str(error).split()))) from None
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for value in list(inferred.value_info) + list(inferred.input) + list(inferred.output):
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(entry.HasField("dim_value") for entry in dims):
            shapes[value.name] = tuple(entry.dim_value for entry in dims)
    return shapes, constants, images


def _count(lengths: Any) -> int:
    count = 1
    for length in lengths:
        count *= length
    return count
