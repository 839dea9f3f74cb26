"""Scales of normalizations: by how much a network multiplies the channels of a layer that a normalization follows.

The scale of weights before a normalization has no effect: the normalization's own weight, gamma, sets the scale. The
traced graph says which gamma belongs to which layer, and the cluster groups which of its values to which channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, fx

from edgesynth.anatomy.anatomy import Anatomy
from edgesynth.anatomy.groups import Member
from edgesynth.anatomy.tracing.graph import PRODUCTS, named_arguments, op_name, parameter_names

NORMALIZATIONS = ("batch_norm", "instance_norm", "group_norm", "layer_norm", "rms_norm")


@dataclass(frozen=True)
class ScaleUse:
    """One call of a normalization that has a scale.

    Attributes:
        parameter: its scale, gamma.
        layer: weight of the convolution or linear layer whose output alone it normalizes; empty where several layers
            meet before it (a residual stream, a join) or none is known.
    """

    parameter: str
    layer: str


def scale_uses(anatomy: Anatomy) -> tuple[ScaleUse, ...]:
    """The normalizations with a scale, in the order of their calls."""
    program = anatomy.program()
    names = parameter_names(program, anatomy.model)
    weights, uses = set(anatomy.weights()), []
    for node in program.graph.nodes:
        arguments = _arguments(node) if _is_normalization(node) else {}
        scale = arguments.get("weight")
        if isinstance(scale, fx.Node) and scale.name in names:
            uses.append(ScaleUse(names[scale.name], _written_by(arguments["input"], names, weights)))
    return tuple(uses)


def output_scales(anatomy: Anatomy, scales: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """By how much each cluster of every layer is scaled by the normalization that it passes.

    A layer that a normalization directly follows (activations and pooling may stand between) has that one's |gamma|.
    The layers of a residual stream or a join have the mean |gamma| of those that read it; without any, a layer has 1.

    Args:
        anatomy: the network's.
        scales: {scale of a normalization: its values}, of the shapes of the anatomy.

    Returns:
        {weight of a layer: float64 >= 0, broadcasting against the weight along its clusters}.
    """
    own: dict[str, list[str]] = {}
    for use in scale_uses(anatomy):
        own.setdefault(use.layer, []).append(use.parameter)
    factors = {name: torch.ones([1] * len(anatomy.shapes[name]), dtype=torch.float64) for name in anatomy.weights()}
    for group in anatomy.groups:
        passed = [member for member in group.members if member.role == "emit" and member.parameter in scales]
        for writer in group.writers():
            chosen = _chosen(passed, own, writer.parameter)
            if chosen:
                sizes = [len(writer.units) if dim == writer.dim else 1 for dim in range(factors[writer.parameter].ndim)]
                full = factors[writer.parameter].expand(sizes).clone()
                values = np.mean([_aligned(writer, member, scales[member.parameter]) for member in chosen], axis=0)
                full.view(-1)[torch.from_numpy(writer.units >= 0)] = torch.from_numpy(values)
                factors[writer.parameter] = full
    return factors


def _chosen(passed: list[Member], own: dict[str, list[str]], layer: str) -> list[Member]:
    """The scales that follow a layer directly; else those that follow no single layer."""
    for parameters in (own.get(layer, []), own.get("", [])):
        chosen = [member for member in passed if member.parameter in parameters]
        if chosen:
            return chosen
    return []


def _aligned(writer: Member, member: Member, scale: Tensor) -> np.ndarray:
    """(rows of the writer in the group,) |gamma|: row by row where both are indexed alike, else the unit's mean."""
    lines = scale.detach().cpu().double().abs().movedim(member.dim, 0)
    values = lines.reshape(len(lines), -1).mean(dim=1).numpy()
    values, places = values[member.units >= 0], member.units[member.units >= 0]
    rows = writer.units[writer.units >= 0]
    if np.array_equal(rows, places):
        return values
    return (np.bincount(places, values) / np.maximum(np.bincount(places), 1))[rows]


def _written_by(value: object, names: Mapping[str, str], weights: set[str]) -> str:
    """Weight of the one layer that a value comes from; empty if there is more than one, or none."""
    while isinstance(value, fx.Node) and value.op == "call_function" and not _is_normalization(value):
        weight = _arguments(value).get(PRODUCTS.get(op_name(value), "weight"))
        if isinstance(weight, fx.Node) and names.get(weight.name, "") in weights:
            return names[weight.name]
        inputs = [node for node in value.all_input_nodes if node.name not in names]
        value = inputs[0] if len(inputs) == 1 else None
    return ""


def _arguments(node: fx.Node) -> dict[str, object]:
    return named_arguments(node, lambda argument: argument)


def _is_normalization(node: fx.Node) -> bool:
    return node.op == "call_function" and op_name(node) in NORMALIZATIONS
