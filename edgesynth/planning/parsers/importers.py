"""What TensorRT's importers refuse of a node, beyond what is plain from the node's attributes and initializers.

Each check is the rule of one phrase, see `restrictions`: those of the operator tables, and those that only the
importers' source has (github.com/onnx/onnx-tensorrt: onnxOpCheckers.cpp, onnxOpImporters.cpp).
"""

import re
from typing import Any

from edgesynth.planning.onnx.onnx_graph import Node, OnnxGraph
from edgesynth.planning.onnx.onnx_shapes import rank_of, type_name_of

FLOATING = ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE")
_ACTIVATIONS = {"LSTM": 3, "GRU": 2, "RNN": 1}  # of each direction


def same_activations(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    """A bidirectional recurrent layer has the same activations both ways."""
    if node.attributes.get("direction") != "bidirectional":
        return None
    count = _ACTIVATIONS[node.op]
    for name in ("activations", "activation_alpha", "activation_beta"):
        given = list(node.attributes.get(name, ()))
        if len(given) == 2 * count and given[:count] != given[count:]:
            return f"{name} differ between the two directions; they must be the same"
    return None


def same_pads(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    """Padding is the same before and behind."""
    pads = list(node.attributes.get("pads", ()))
    half = len(pads) // 2
    return f"pads are {pads}; they must be the same at both ends" if pads[:half] != pads[half:] else None


def four_dimensions(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    """The input has four axes."""
    rank = rank_of(graph, node.input(0))
    return f"its input has {rank} axes; 4 are allowed" if rank not in (None, 4) else None


def axes_in_order(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    """Axes that belong to computed scales are all axes, in their order."""
    axes, rank = list(node.attributes.get("axes", ())), rank_of(graph, node.input(0))
    scales = node.input(2)
    if not axes or not scales or graph.is_constant(scales) or rank is None or axes == list(range(rank)):
        return None
    return f"scales are computed for the axes {axes}; they must be stored, or be for all {rank}"


def same_ranks(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    """Both branches of a condition write tensors of the same rank."""
    branches: list[Any] = [node.attributes.get(name) for name in ("then_branch", "else_branch")]
    if None in branches:
        return None
    for first, second in zip(*(branch.output for branch in branches), strict=False):
        ranks = [_declared_rank(graph, branch, value) for branch, value in zip(branches, (first, second), strict=True)]
        if None not in ranks and ranks[0] != ranks[1]:
            return f"its branches write {ranks[0]} and {ranks[1]} axes; they must be as many"
    return None


def first_or_second_norm(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    """The norm is L1 or L2."""
    order = node.attributes.get("p", 2)
    return f"p is {order}; it must be 1 or 2" if order not in (1, 2) else None


def floating_dtype(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    """Random numbers are FP32 or FP16."""
    dtype = node.attributes.get("dtype", 1)
    return f"dtype is {dtype}; it must be 1 (FP32) or 10 (FP16)" if dtype not in (1, 10) else None


def lower_case_equation(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    """Indices are lower-case letters."""
    equation = str(node.attributes.get("equation", ""))
    other = re.search(r"[^a-z.,> -]", equation)
    return f"equation is {equation}; only lower-case letters are allowed" if other else None


def vector_times_matrix(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    """A vector is multiplied by nothing of more than two axes: the importer removes the wrong axis of the product."""
    left, right = (rank_of(graph, node.input(index)) for index in (0, 1))
    if left != 1 or right is None or right <= 2:
        return None
    return f"a vector by a tensor of {right} axes; 2 are allowed: reshape it to a matrix"


def fmod_of_floats(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    """The remainder of floating point numbers is C's."""
    floats = type_name_of(graph, node.input(0)) in FLOATING
    return "fmod is 0; it must be 1 for floating point" if floats and not node.attributes.get("fmod", 0) else None


def no_floating_input(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    """What makes a shape is no input of the network, unless it is whole: shapes in floating point are computed."""
    inputs = {value.name for value in graph.proto.graph.input if value.name not in graph.tensors}
    places = {"Resize": (2,), "Upsample": (1,)}.get(node.op, (0, 1, 2))
    for given in map(node.input, places):
        if given in inputs and type_name_of(graph, given) in FLOATING:
            return f"{given} is an input of the network and in floating point; it must be stored or computed"
    return None


def nearest_of_tf_half_pixel(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    """One mode has one way of rounding."""
    given = node.attributes.get("coordinate_transformation_mode"), node.attributes.get("nearest_mode")
    if given[0] == "tf_half_pixel_for_nn" and given[1] not in (None, "round_prefer_floor"):
        return f"nearest_mode is {given[1]}; tf_half_pixel_for_nn takes round_prefer_floor alone"
    return None


def two_axes(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    """Batch and time are two axes."""
    batch, time = node.attributes.get("batch_axis", 1), node.attributes.get("time_axis", 0)
    return f"batch_axis and time_axis are both {batch}; they must differ" if batch == time else None


def _declared_rank(graph: OnnxGraph, branch: Any, value: Any) -> int | None:
    kind = value.type.tensor_type
    if kind.HasField("shape"):
        return len(kind.shape.dim)
    stored = {tensor.name: len(tensor.dims) for tensor in branch.initializer}
    return stored.get(value.name) or rank_of(graph, value.name)
