"""What a file asks of a compiler and what its engine does: the data type of every product, and the widths it pads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from edgesynth.errors import UserError
from edgesynth.planning.compiler.engine_layers import EngineLayer
from edgesynth.planning.cost.onnx_operators import PRODUCTS
from edgesynth.planning.cost.onnx_products import Sizes, layer_of
from edgesynth.planning.onnx.onnx_graph import Node, OnnxGraph
from edgesynth.planning.onnx.onnx_shapes import shapes_of

PRECISIONS = {"Int8": "int8", "Half": "fp16", "BFloat16": "bf16", "Float": "fp32", "FP8": "fp8"}
_GENERATED = "kgen"  # what surrounds a product: its scale, bias, activation and rounding


class Product(NamedTuple):
    """A convolution or a product of matrices.

    Attributes:
        node: its name in the file.
        op: its operator.
        macs: multiply-accumulates for one image; None where the shapes cannot be told.
        asked: whether the file gives it quantized inputs, so that it can run in INT8.
        precision: what it runs at, such as int8; in a kernel that was generated as a whole, what that reads; None where
            the engine's layers do not name it.
        padded: in words, such as "3 -> 4 channels in"; "" if its weight has the file's own widths.
    """

    node: str
    op: str
    macs: int | None
    asked: bool
    precision: str | None
    padded: str

    @property
    def refused(self) -> bool:
        """Whether it was asked to run in INT8, and is known not to."""
        return self.asked and self.precision not in ("int8", None)


def products_of(graph: OnnxGraph, layers: Sequence[EngineLayer]) -> tuple[Product, ...]:
    """Every product of a file, in its order, as its engine computes it.

    Args:
        graph: the file.
        layers: of the engine that was built from it.
    """
    dequantized = {name for node in graph.nodes if node.op == "DequantizeLinear" for name in node.outputs}
    macs = _macs(graph)
    by_node: dict[str, list[EngineLayer]] = {}
    for layer in layers:
        for name in layer.nodes:
            by_node.setdefault(name, []).append(layer)
    products = []
    for node in graph.nodes:
        if node.op in PRODUCTS:
            kernel = _layer_of(node, by_node.get(node.name, []))
            asked = all(name in dequantized for name in node.inputs[:2])
            precision, padded = (_precision(kernel), _padded(graph, node, kernel)) if kernel else (None, "")
            products.append(Product(node.name, node.op, macs.get(node.name), asked, precision, padded))
    return tuple(products)


def int8_share(products: Sequence[Product]) -> float | None:
    """Share of all multiply-accumulates that run in INT8; None if the counts or the layers are not known."""
    if not products or any(product.macs is None or product.precision is None for product in products):
        return None
    every = sum(product.macs or 0 for product in products)
    return sum(product.macs or 0 for product in products if product.precision == "int8") / every if every else None


def _macs(graph: OnnxGraph) -> dict[str, int]:
    """Multiply-accumulates by node, of those whose shapes can be told."""
    try:
        shapes, constants, images = shapes_of(graph.proto, graph.file)
    except UserError:
        return {}
    # A weight between Q and DQ is stored all the same.
    constants = constants | {name for node in graph.nodes for name in node.outputs if graph.is_constant(name)}
    sizes = Sizes(shapes, constants, images, graph.file)
    macs = {}
    for node in graph.proto.graph.node:
        moving = [name for name in node.input if name and name not in constants]
        if node.op_type in PRODUCTS and moving:
            try:
                layer = layer_of(node, moving, node.output[0], sizes)
            except UserError:
                continue
            macs[layer.name] = layer.macs
    return macs


def _layer_of(node: Node, layers: Sequence[EngineLayer]) -> EngineLayer | None:
    """The layer that multiplies, among those that a node is part of."""
    own = [layer for layer in layers if layer.name.startswith(node.name) and layer.kind != _GENERATED]
    whole = [layer for layer in layers if layer.kind != _GENERATED and layer.inputs]
    return next(iter([*own, *whole, *layers]), None)


def _precision(layer: EngineLayer) -> str | None:
    """Of what is multiplied: a layer's first input, or its weight where it reads nothing else."""
    tensors = layer.inputs or layer.constants
    return PRECISIONS.get(tensors[0].type, tensors[0].type.lower()) if tensors else None


def _padded(graph: OnnxGraph, node: Node, layer: EngineLayer) -> str:
    """Where a convolution's weight is wider in the engine than in the file."""
    tensor = graph.constant(node.input(1))
    if node.op != "Conv" or tensor is None or layer.kind == _GENERATED:
        return ""
    own = tuple(tensor.dims)
    sizes = [constant.dims for constant in layer.constants if constant.dims[2:] == own[2:]]
    if not sizes or len(own) < 3:
        return ""
    wide = sizes[0]
    grouped = node.attributes.get("group", 1) > 1
    names = ("channels out", "channels in a group" if grouped else "channels in")
    pairs = zip(own[:2], wide[:2], names, strict=True)
    return ", ".join(f"{was} -> {now} {name}" for was, now, name in pairs if now > was)
