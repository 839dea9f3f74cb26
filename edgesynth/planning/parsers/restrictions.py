"""Restrictions of the operator tables, read as rules: each phrase of the tables, and how a node is checked against it.

A phrase that no rule knows is not dropped: it is handed back as something that was not checked.
"""

import re
from collections.abc import Callable
from re import Pattern
from typing import Any, NamedTuple

from edgesynth.planning.onnx.onnx_graph import Node, OnnxGraph
from edgesynth.planning.parsers import importers


class Broken(NamedTuple):
    """What is wrong with a node.

    Attributes:
        message: what was found and what is allowed.
        fatal: whether the parser refuses the node; else it is a restriction that only a build can tell.
    """

    message: str
    fatal: bool


Check = Callable[[OnnxGraph, Node, Any], str | None]

# Defaults of the attributes that the tables speak of, as ONNX has them.
_DEFAULTS = {
    "coordinate_transformation_mode": "half_pixel",
    "mode": "nearest",
    "nearest_mode": "round_prefer_floor",
    "keep_aspect_ratio_policy": "stretch",
    "sorted": 1,
    "input_forget": 0,
    "layout": 0,
}


def broken_restrictions(graph: OnnxGraph, node: Node, restriction: str) -> list[Broken]:
    """What a node breaks of the restriction that the table has for its operator.

    Args:
        graph: where the node is from.
        node: the node.
        restriction: the text of the table.
    """
    broken = []
    for phrase in filter(None, (part.strip(" .") for part in restriction.split(". "))):
        if phrase == "experimental":
            broken.append(
                Broken("experimental, says the table: hold its answers on the board to those expected", False)
            )
            continue
        for pattern, check in _RULES:
            match = pattern.search(phrase)
            if match:
                message = check(graph, node, match)
                if message:
                    broken.append(Broken(message, True))
                break
        else:
            broken.append(Broken(f"not checked here: {phrase}", False))
    return broken


def _names(text: str) -> list[str]:
    return re.findall(r"`(\w+)`", text)


def _constant_inputs(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    for name in _names(match.string):
        index = _input_index(node, graph.opset, name)
        given = node.input(index) if index is not None else ""
        if given and not graph.is_constant(given):
            return f"{name} ({given}) is computed; it must be an initializer"
    return None


def _input_index(node: Node, opset: int, name: str) -> int | None:
    """Place of an input by its name in ONNX's own definition."""
    from onnx import defs

    try:
        formal = [parameter.name for parameter in defs.get_schema(node.op, opset, node.domain).inputs]
    except defs.SchemaError:
        return None
    return formal.index(name) if name in formal else None


def _three_dimensions_at_most(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    # One dimension is allowed too, whatever the tables say: since TensorRT 7 the importers expand it to two.
    spatial = len(node.attributes.get("kernel_shape", ()))
    if not spatial and len(node.inputs) > 1:
        weights = graph.constant(node.input(1))
        spatial = len(weights.dims) - 2 if weights is not None else 0
    return f"it has {spatial} spatial dimensions; 1 to 3 are allowed" if spatial > 3 else None


def _initializer_of_zero(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    # The table calls it `is_training`, ONNX `training_mode`.
    given = node.input(2)
    if given and given not in graph.tensors:
        return f"training_mode ({given}) is computed; it must be an initializer"
    return "training_mode is true; it must be false" if given and graph.array(given).any() else None


def _first_output_only(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    return "its second output is used; only the first is allowed" if any(node.outputs[1:]) else None


def _no_dilations(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    dilations = list(node.attributes.get("dilations", ()))
    return f"dilations are {dilations}; only 1 is allowed" if set(dilations) - {1} else None


def _one_of(attribute: str) -> Check:
    def check(graph: OnnxGraph, node: Node, match: Any) -> str | None:
        # Which neighbor is nearest is of no concern to another mode.
        if attribute == "nearest_mode" and node.attributes.get("mode", "nearest") != "nearest":
            return None
        value, allowed = node.attributes.get(attribute, _DEFAULTS[attribute]), _names(match.string)
        return None if value in allowed else "{} is {}; allowed: {}".format(attribute, value, ", ".join(allowed))

    return check


def _equals(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    name, wanted = match.group(1), int(match.group(2))
    value = node.attributes.get(name, _DEFAULTS.get(name, wanted))
    return None if value == wanted else f"{name} is {value}; it must be {wanted}"


def _no_antialiasing(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    return "antialias is set; it is not supported" if node.attributes.get("antialias") else None


def _no_reduction(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    value = node.attributes.get("reduction", "none")
    return None if value == "none" else f"reduction is {value}; it is not supported"


def _below(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    limit, given = int(match.group(1)), node.input(1)
    if given in graph.tensors and graph.array(given).max() >= limit:
        return f"K is {int(graph.array(given).max())}; it must be below {limit}"
    return None


def _without_attributes(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    given = [name for name in _names(match.string) if name in node.attributes]
    return "{} is given; it is not supported".format(", ".join(given)) if given else None


def _fine(graph: OnnxGraph, node: Node, match: Any) -> str | None:
    return None


_RULES: tuple[tuple[Pattern[str], Check], ...] = tuple(
    (re.compile(pattern), check)
    for pattern, check in (
        (r"zero_point` must be", _fine),  # Q and DQ: quantization.py
        (r"must be an initializer and evaluate to False", _initializer_of_zero),
        (r"must be (an initializer|initializers|a constant tensor|a build-time constant)", _constant_inputs),
        (r"^2D or 3D", _three_dimensions_at_most),
        (r"`Indices` output tensor unsupported|^Only the first output", _first_output_only),
        (r"`dilations` must be empty or all ones", _no_dilations),
        (r"^Supported resize transformation modes", _one_of("coordinate_transformation_mode")),
        (r"^Supported resize modes", _one_of("mode")),
        (r"^Supported nearest modes", _one_of("nearest_mode")),
        (r"^Supported aspect ratio policy", _one_of("keep_aspect_ratio_policy")),
        (r"^Antialiasing is not supported", _no_antialiasing),
        (r"`reduction` is not supported", _no_reduction),
        (r"`(\w+)`(?: attribute)? must be (\d+)$", _equals),
        (r"`K` input must be less than (\d+)", _below),
        (r"attributes are unsupported$", _without_attributes),
        (r"^For bidirectional", importers.same_activations),
        (r"^`pads` .* must be the same", importers.same_pads),
        (r"^Input must be 4D", importers.four_dimensions),
        (r"`axes` must be an iota vector", importers.axes_in_order),
        (r"must have the same rank", importers.same_ranks),
        (r"`p` must be 1 or 2", importers.first_or_second_norm),
        (r"`dtype` must be 1 or 10", importers.floating_dtype),
        (r"`equation` must be of lower-case letters", importers.lower_case_equation),
        (r"^A 1D first input", importers.vector_times_matrix),
        (r"`fmod` must be 1 for floating point", importers.fmod_of_floats),
        (r"must not be a floating point input", importers.no_floating_input),
        (r"^`tf_half_pixel_for_nn`", importers.nearest_of_tf_half_pixel),
        (r"`batch_axis` must differ", importers.two_axes),
    )
)
