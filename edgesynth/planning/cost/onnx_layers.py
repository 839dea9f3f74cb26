"""The kernels of an ONNX file after the fusions that TensorRT makes.

Fused into a convolution or a fully connected layer, so that they cost nothing but the residual input they read: the
normalization, bias, scale, activation and addition that follow it. Convolutions of the same window that read the same
tensor run as one kernel. Chains of elementwise operators run as one kernel. Concatenation and reshapes move nothing.
Quantization (Q/DQ) is part of the neighboring kernels.
"""

from typing import Any

from edgesynth.errors import UserError
from edgesynth.planning.cost.layers import (
    CONVOLUTION,
    COPY,
    ELEMENTWISE,
    LINEAR,
    NORMALIZATION,
    POINTWISE,
    POOLING,
    WINOGRAD,
    Layer,
)
from edgesynth.planning.cost.onnx_operators import (
    ACTIVATIONS,
    ELEMENTWISES,
    FREE,
    NORMALIZATIONS,
    POOLINGS,
    PRODUCTS,
    SCALES,
    UNCOUNTED,
)
from edgesynth.planning.cost.onnx_products import Sizes, layer_of
from edgesynth.planning.onnx.onnx_shapes import load_graph, shapes_of

_RESIDUAL = "residual"


class _Kernel:
    """A kernel while it is being put together."""

    def __init__(self, name: str, kind: str, inputs: set[str]) -> None:
        self.name = name
        self.kind = kind
        self.inputs = inputs
        self.outputs: set[str] = set()
        self.fused: list[str] = []
        self.layer: Layer | None = None
        self.siblings: tuple[Any, ...] | None = None


def read_layers(path: str) -> list[Layer]:
    """Read the kernels of an ONNX file, in their order; counted for a batch of one.

    Args:
        path: an ONNX file; its weights may lie beside it, they are not read.

    Raises:
        UserError: it cannot be read, is no ONNX file, or has an input of free height, width or channels.
    """
    return layers_of(load_graph(path), path)


def layers_of(model: Any, name: str = "the model") -> list[Layer]:
    """The kernels of an ONNX model in memory (an `onnx.ModelProto`, which is not changed); see `read_layers`."""
    shapes, constants, images = shapes_of(model, name)
    graph = model.graph
    readers: dict[str, int] = {}
    for node in graph.node:
        for tensor in node.input:
            readers[tensor] = readers.get(tensor, 0) + 1
    for value in graph.output:
        readers[value.name] = readers.get(value.name, 0) + 1
    fusion = _Fusion(Sizes(shapes, constants, images, name), readers)
    for node in graph.node:
        fusion.take(node)
    return fusion.layers()


class _Fusion:
    """Takes the nodes of a graph in their order and joins them into kernels.

    Args:
        sizes: of every tensor of the graph.
        readers: how often each tensor is read.
    """

    def __init__(self, sizes: Sizes, readers: dict[str, int]) -> None:
        self._sizes = sizes
        self._readers = readers
        self._kernels: list[_Kernel] = []
        self._open: dict[str, _Kernel] = {}
        self._source: dict[str, str] = {}

    def take(self, node: Any) -> None:
        """Add the next node: to the kernel before it where TensorRT fuses the two, else as a kernel of its own."""
        read = [tensor for tensor in node.input if tensor]
        moving = [tensor for tensor in read if tensor not in self._sizes.constants]
        if not moving or node.op_type == "Shape":
            self._sizes.constants.update(node.output)
            return
        if node.op_type in UNCOUNTED or node.domain not in ("", "ai.onnx"):
            raise UserError(
                f"{self._sizes.file}: the arithmetic of {node.name or node.output[0]} ({node.op_type}) is not counted "
                "by the cost model; measure on the board, or predict a file without it"
            )
        output = node.output[0]
        if node.op_type in FREE:
            self._pass(moving, output)
        elif node.op_type in PRODUCTS:
            self._start_product(node, moving, output)
        elif node.op_type in ELEMENTWISES:
            self._elementwise(node, moving, output)
        else:
            kind = COPY
            if node.op_type in POOLINGS or node.op_type.startswith("Reduce"):
                kind = POOLING
            elif node.op_type in NORMALIZATIONS:
                kind = NORMALIZATION
            self._start(node, kind, moving, list(node.output))

    def layers(self) -> list[Layer]:
        """The kernels of all nodes taken."""
        return [self._finished(kernel) for kernel in self._joined()]

    def _pass(self, moving: list[str], output: str) -> None:
        """Skip a node that moves nothing: its output is its input, and fusion continues through it."""
        if len(moving) > 1:
            return
        self._source[output] = self._source.get(moving[0], moving[0])
        if moving[0] in self._open and self._readers.get(moving[0]) == 1:
            kernel = self._open.pop(moving[0])
            kernel.outputs = {output}
            self._open[output] = kernel

    def _start(self, node: Any, kind: str, moving: list[str], outputs: list[str]) -> _Kernel:
        kernel = _Kernel(node.name or outputs[0], kind, set(moving))
        kernel.outputs = {tensor for tensor in outputs if tensor}
        self._kernels.append(kernel)
        return kernel

    def _start_product(self, node: Any, moving: list[str], output: str) -> None:
        kernel = self._start(node, LINEAR, moving, [output])
        kernel.layer = layer_of(node, moving, output, self._sizes)
        kernel.kind = kernel.layer.kind
        self._open[output] = kernel
        if kernel.kind in (CONVOLUTION, WINOGRAD, POINTWISE) and node.op_type == "Conv" and kernel.layer.groups == 1:
            window = self._sizes.shape(node.input[1])[2:]
            read = self._source.get(moving[0], moving[0])
            # Strides and padding show in the number of positions.
            dilations = next((tuple(entry.ints) for entry in node.attribute if entry.name == "dilations"), ())
            dilated = tuple(step for step in dilations if step != 1)
            kernel.siblings = (read, window, kernel.layer.rows, dilated)

    def _elementwise(self, node: Any, moving: list[str], output: str) -> None:
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

    def _fuses(self, node: Any, kernel: _Kernel, others: list[str]) -> bool:
        if others:
            same = all(self._sizes.values(other) == self._sizes.values(node.output[0]) for other in others)
            return node.op_type in ("Add", "Sum") and same and _RESIDUAL not in kernel.fused
        return node.op_type in ACTIVATIONS | SCALES

    def _joined(self) -> list[_Kernel]:
        """The kernels, of siblings only the first: widened by the others."""
        first: dict[tuple[Any, ...], _Kernel] = {}
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
            layer, other = first[key].layer, kernel.layer
            assert layer is not None and other is not None
            layer.columns += other.columns
            layer.macs += other.macs
            layer.weights += other.weights
            layer.writes += other.writes
            first[key].name += " + " + kernel.name
        return kept

    def _finished(self, kernel: _Kernel) -> Layer:
        reads = sum(self._sizes.values(tensor) for tensor in kernel.inputs)
        if kernel.layer is None:
            writes = sum(self._sizes.values(tensor) for tensor in kernel.outputs)
            return Layer(kernel.name, kernel.kind, reads=reads, writes=writes)
        kernel.layer.name = kernel.name
        kernel.layer.reads = reads
        return kernel.layer
