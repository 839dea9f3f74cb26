"""What a file asks of a compiler and what its engine does: the data type of every product, and the widths it pads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from edgesynth.errors import UserError
from edgesynth.planning.compiler.engine_layers import EngineLayer, EngineTensor
from edgesynth.planning.cost.onnx_operators import PRODUCTS
from edgesynth.planning.cost.onnx_products import Sizes, layer_of
from edgesynth.planning.onnx.onnx_graph import Node, OnnxGraph, elements
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
        precision: the type of its weight in the engine, such as int8, or of what it reads where no weight is told;
            None where the engine's layers do not name it.
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
            stored = graph.constant(node.input(1))
            weight = _weight_of(stored, kernel) if kernel and stored is not None else None
            precision = _precision(kernel, weight) if kernel else None
            padded = _padded(stored, node, weight) if weight else ""
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


def _precision(layer: EngineLayer, weight: EngineTensor | None) -> str | None:
    """Of what is multiplied. The weight tells first: a generated kernel may read another type and round it itself."""
    tensors = [*([weight] if weight else []), *layer.inputs, *layer.constants]
    return PRECISIONS.get(tensors[0].type, tensors[0].type.lower()) if tensors else None


def _weight_of(stored: Any, layer: EngineLayer) -> EngineTensor | None:
    """A stored weight among the constants of its layer, as wide as in the file or padded; None if it is not there."""
    own = tuple(stored.dims)
    for constant in layer.constants:
        alike = len(constant.dims) == len(own) and constant.dims[2:] == own[2:]
        if alike and all(now >= was for now, was in zip(constant.dims, own, strict=True)):
            return constant
    return next((constant for constant in layer.constants if elements(constant.dims) == elements(own)), None)


def _padded(stored: Any, node: Node, weight: EngineTensor) -> str:
    """Where a convolution's weight is wider in the engine than in the file."""
    own = tuple(stored.dims)
    if node.op != "Conv" or len(weight.dims) != len(own):
        return ""
    grouped = node.attributes.get("group", 1) > 1
    names = ("channels out", "channels in a group" if grouped else "channels in")
    pairs = zip(own[:2], weight.dims[:2], names, strict=True)
    return ", ".join(f"{was} -> {now} {name}" for was, now, name in pairs if now > was)
