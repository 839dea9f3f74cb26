"""The type and shape of every tensor of an ONNX file, at a batch that is given unless the file fixes another."""

import functools
from typing import Any

from edgesynth.errors import UserError
from edgesynth.planning.onnx.onnx_graph import LARGEST_SHAPE, OnnxGraph, elements


def load_graph(path: str) -> Any:
    """Read an ONNX file without the weights that lie beside it.

    Raises:
        UserError: it cannot be read, is no ONNX file, or onnx is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise UserError(f"predicting from {path} needs onnx, which is not installed: pip install onnx") from None
    try:
        model = onnx.load(path, load_external_data=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    except Exception as error:  # protobuf's own, whose class depends on its build
        raise UserError(f"{path} is no ONNX file ({error}); give one that was exported") from None
    if not model.graph.node:
        raise UserError(f"{path} holds no ONNX graph; give a file that was exported")
    return model


def shapes_of(model: Any, name: str) -> tuple[dict[str, tuple[int, ...]], set[str], int]:
    """Shapes of all tensors, the names of stored ones, and the batch that the shapes are for: one unless it is fixed.

    Raises:
        UserError: an input's height, width or channels are free.
    """
    stored = {tensor.name for tensor in model.graph.initializer}
    images = 1
    for value in model.graph.input:
        if value.name not in stored:
            lengths = _lengths_of_input(value, 1)
            if lengths is None:
                free = [entry.dim_param or entry.dim_value for entry in value.type.tensor_type.shape.dim]
                raise UserError(
                    f"{name}: input {value.name} has the shape {free}; only the batch may be free: export with a fixed "
                    "height and width"
                )
            images = lengths[0]
    shapes = {tensor: lengths_of(kind) for tensor, kind in types_of(model).items()}
    return {tensor: lengths for tensor, lengths in shapes.items() if lengths is not None}, stored, images


def types_of(model: Any, images: int = 1) -> dict[str, Any]:
    """Types of all tensors, onnx's own; an unknown type is left out, an unknown dimension has no value.

    Nodes are gone through once, in their order. What computes with shapes alone is computed, as the runtime does when
    it builds; large weights are neither copied nor read.

    Args:
        model: an `onnx.ModelProto`, which is not changed.
        images: the batch of inputs that leave it free.
    """
    from onnx import helper

    types: dict[str, Any] = {}
    known: dict[str, Any] = {}
    for tensor in model.graph.initializer:
        types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))
        if elements(tensor.dims) <= LARGEST_SHAPE and not tensor.external_data:
            known[tensor.name] = tensor
    for value in model.graph.input:
        if value.name not in types and value.type.HasField("tensor_type"):
            lengths = _lengths_of_input(value, images)
            if lengths is not None:
                types[value.name] = helper.make_tensor_type_proto(value.type.tensor_type.elem_type, lengths)
            else:
                types[value.name] = value.type
    for node in model.graph.node:
        types.update(_types_of_outputs(node, types, known, model))
        if node.op_type == "NonMaxSuppression":
            _bound_boxes(node, types)
        _compute(node, types, known, model)
    return types


def type_name_of(graph: OnnxGraph, tensor: str) -> str | None:
    """ONNX's name of a tensor's type, such as FLOAT; None where it cannot be told."""
    from onnx import TensorProto

    kind = _types_of_graph(graph).get(tensor)
    number = kind.tensor_type.elem_type if kind is not None else 0
    return TensorProto.DataType.Name(number) if number in TensorProto.DataType.values()[1:] else None


def rank_of(graph: OnnxGraph, tensor: str) -> int | None:
    """How many axes a tensor has; None where it cannot be told."""
    kind = _types_of_graph(graph).get(tensor)
    return len(kind.tensor_type.shape.dim) if kind is not None and kind.tensor_type.HasField("shape") else None


@functools.lru_cache(maxsize=4)
def _types_of_graph(graph: OnnxGraph) -> dict[str, Any]:
    """Inferred once for all versions of TensorRT."""
    return types_of(graph.proto)


def lengths_of(kind: Any) -> tuple[int, ...] | None:
    """Shape of a type; None if it, or one of its dimensions, is not known."""
    if kind is None or not kind.tensor_type.HasField("shape"):
        return None
    dims = kind.tensor_type.shape.dim
    return tuple(entry.dim_value for entry in dims) if all(entry.HasField("dim_value") for entry in dims) else None


def _lengths_of_input(value: Any, images: int) -> list[int] | None:
    """Shape of an input, at a batch if it leaves that free; None if it leaves more free."""
    dims = value.type.tensor_type.shape.dim
    lengths = [entry.dim_value if entry.HasField("dim_value") else 0 for entry in dims]
    if lengths:
        lengths[0] = lengths[0] or images
    return lengths if lengths and min(lengths) >= 1 else None


def _types_of_outputs(node: Any, types: dict[str, Any], known: dict[str, Any], model: Any) -> dict[str, Any]:
    """Types of a node's outputs; empty where they are unknown."""
    from onnx import defs, shape_inference

    read = [tensor for tensor in node.input if tensor]
    if any(tensor not in types for tensor in read):
        return {}
    versions = {entry.domain: entry.version for entry in model.opset_import}
    try:
        schema = defs.get_schema(node.op_type, versions.get(node.domain, 1), node.domain)
        return shape_inference.infer_node_outputs(
            schema,
            node,
            {tensor: types[tensor] for tensor in read},
            {tensor: known[tensor] for tensor in read if tensor in known},
            opset_imports=list(model.opset_import),
            ir_version=model.ir_version,
        )
    except Exception:  # onnx raises errors of its own for unknown operators, subgraphs and mismatches alike
        return {}


def _bound_boxes(node: Any, types: dict[str, Any]) -> None:
    """Give a suppression's output its largest number of rows; the real number depends on the image."""
    from onnx import TensorProto, helper

    scores = lengths_of(types.get(node.input[1]))
    if scores is not None:
        types[node.output[0]] = helper.make_tensor_type_proto(TensorProto.INT64, [elements(scores), 3])


def _compute(node: Any, types: dict[str, Any], known: dict[str, Any], model: Any) -> None:
    """Compute a node of small known inputs, or the shape that it asks for."""
    from onnx import helper, numpy_helper
    from onnx.reference import ReferenceEvaluator

    read = [tensor for tensor in node.input if tensor]
    shape = lengths_of(types.get(read[0])) if node.op_type == "Shape" else None
    if shape is None and any(tensor not in known for tensor in read):
        return
    sizes = [lengths_of(types.get(tensor)) for tensor in node.output if tensor]
    if any(size is None or elements(size) > LARGEST_SHAPE for size in sizes):
        return
    if shape is not None:
        bounds = {entry.name: entry.i for entry in node.attribute}
        part = list(shape)[bounds.get("start", 0) : bounds.get("end", len(shape))]
        known[node.output[0]] = helper.make_tensor(node.output[0], 7, [len(part)], part)
        return
    try:
        evaluator = ReferenceEvaluator(node, opsets={entry.domain: entry.version for entry in model.opset_import})
        values = evaluator.run(None, {tensor: numpy_helper.to_array(known[tensor]) for tensor in read})
    except Exception:  # not in the reference implementation: it stays unknown
        return
    for tensor, value in zip(node.output, values, strict=False):
        known[tensor] = numpy_helper.from_array(value, tensor)
        types[tensor] = helper.make_tensor_type_proto(known[tensor].data_type, list(value.shape))
