"""Q and DQ nodes as TensorRT's importers want them: symmetric int8, scales above 0, one per channel of a weight."""

from typing import Any, Optional

from edgesynth.boards.board import Version
from edgesynth.boards.onnx_graph import Node, OnnxGraph

Q, DQ = "QuantizeLinear", "DequantizeLinear"
# Up to here the importer says "This version of TensorRT requires 3 inputs" and reads int8 alone.
_STRICT_UP_TO = (8, 2)
_ZERO_POINT_TYPES = ("INT8", "FLOAT8E4M3FN", "INT4")


def broken_quantisation(graph: OnnxGraph, node: Node, version: Version) -> Optional[str]:
    """What a parser refuses of a Q or DQ node, or None.

    Args:
        graph: where the node is from.
        node: the node.
        version: of TensorRT.
    """
    zero_point = node.input(2)
    if version <= _STRICT_UP_TO and not zero_point:
        return "it has {} inputs; the zero-point must be given as the third".format(len(node.inputs))
    if node.input(1) not in graph.tensors or (zero_point and zero_point not in graph.tensors):
        return "its scale or zero-point is computed; both must be initializers"
    scale = graph.array(node.input(1))
    if not (scale > 0).all():
        return "its scale is {}; it must be above 0".format(scale.min())
    if zero_point:
        problem = _broken_zero_point(graph.tensors[zero_point].data_type, graph.array(zero_point), scale, version)
        if problem:
            return problem
    if scale.size > 1:
        return _broken_axis(graph, node, scale.size, version)
    return None


def _broken_zero_point(data_type: int, values: Any, scale: Any, version: Version) -> Optional[str]:
    from onnx import TensorProto

    kind = TensorProto.DataType.Name(data_type)
    if kind not in (_ZERO_POINT_TYPES[:1] if version <= _STRICT_UP_TO else _ZERO_POINT_TYPES):
        return "its zero-point is {}; it must be int8".format(kind.lower())
    if (values != 0).any():
        return "its zero-point is {}; it must be 0".format(values.max() or values.min())
    if values.size != scale.size:
        return "it has {} zero-points and {} scales; they must be as many".format(values.size, scale.size)
    return None


def _broken_axis(graph: OnnxGraph, node: Node, scales: int, version: Version) -> Optional[str]:
    weights = graph.constant(node.input(0))
    if weights is None:
        return "it has {} scales for an activation; one is allowed".format(scales)
    # ONNX's default is 1; the importer of 8.2 takes 0, for weights (K, C, R, S).
    axis = node.attributes.get("axis", 0 if version <= _STRICT_UP_TO else 1)
    size = weights.dims[axis] if -len(weights.dims) <= axis < len(weights.dims) else None
    if size != scales:
        return "it has {} scales for axis {} of a weight {}".format(scales, axis, list(weights.dims))
    return None
