"""Q and DQ nodes as TensorRT's importers want them: symmetric int8, scales above 0, one per channel of a weight."""

from typing import Any

from edgesynth.boards.board import Version
from edgesynth.planning.onnx.onnx_graph import Node, OnnxGraph

Q, DQ = "QuantizeLinear", "DequantizeLinear"
# Up to here the importer says "This version of TensorRT requires 3 inputs" and reads int8 alone.
_STRICT_UP_TO = (8, 2)
_ZERO_POINT_TYPES = ("INT8", "FLOAT8E4M3FN", "INT4")


def broken_quantization(graph: OnnxGraph, node: Node, version: Version) -> str | None:
    """What a parser refuses of a Q or DQ node, or None.

    Args:
        graph: where the node is from.
        node: the node.
        version: of TensorRT.
    """
    zero_point = node.input(2)
    if version <= _STRICT_UP_TO and not zero_point:
        return f"it has {len(node.inputs)} inputs; the zero-point must be given as the third"
    if node.input(1) not in graph.tensors or (zero_point and zero_point not in graph.tensors):
        return "its scale or zero-point is computed; both must be initializers"
    scale = graph.array(node.input(1))
    if not (scale > 0).all():
        return f"its scale is {scale.min()}; it must be above 0"
    if zero_point:
        problem = _broken_zero_point(graph.tensors[zero_point].data_type, graph.array(zero_point), scale, version)
        if problem:
            return problem
    problem = _broken_values(graph, node, version)
    if problem:
        return problem
    if scale.size > 1:
        return _broken_axis(graph, node, scale.size, version)
    return None


def _broken_zero_point(data_type: int, values: Any, scale: Any, version: Version) -> str | None:
    from onnx import TensorProto

    kind = TensorProto.DataType.Name(data_type)
    if kind not in _zero_point_types(version):
        return f"its zero-point is {kind.lower()}; it must be int8"
    if (values != 0).any():
        return f"its zero-point is {values.max() or values.min()}; it must be 0"
    if values.size != scale.size:
        return f"it has {values.size} zero-points and {scale.size} scales; they must be as many"
    return None


def _broken_values(graph: OnnxGraph, node: Node, version: Version) -> str | None:
    """What is wrong with stored values, such as a bias in INT32, which ONNX itself allows."""
    from onnx import TensorProto

    if node.op == Q or node.input(0) not in graph.tensors:
        return None
    kind = TensorProto.DataType.Name(graph.tensors[node.input(0)].data_type)
    return f"it reads {kind.lower()}; it must be int8" if kind not in _zero_point_types(version) else None


def _zero_point_types(version: Version) -> tuple[str, ...]:
    return _ZERO_POINT_TYPES[:1] if version <= _STRICT_UP_TO else _ZERO_POINT_TYPES


def _broken_axis(graph: OnnxGraph, node: Node, scales: int, version: Version) -> str | None:
    weights = graph.constant(node.input(0))
    if weights is None:
        return f"it has {scales} scales for an activation; one is allowed"
    # ONNX's default is 1; the importer of 8.2 takes 0, for weights (K, C, R, S).
    axis = node.attributes.get("axis", 0 if version <= _STRICT_UP_TO else 1)
    size = weights.dims[axis] if -len(weights.dims) <= axis < len(weights.dims) else None
    if size != scales:
        return f"it has {scales} scales for axis {axis} of a weight {list(weights.dims)}"
    return None
