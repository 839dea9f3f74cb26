"""Accuracy guard: layers that cost accuracy in INT8 are found by switching each back alone, and stay in floating point.

Layers that have weights are switched one by one. A network has many more nodes than these (sums, gates, softmax,
concatenation) and one evaluation for each would take too long: they are switched by kind, all of a kind together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edgesynth.export.int8.weight_forms import layer_weights
from edgesynth.metrics.metric import ROUNDING_POINTS

if TYPE_CHECKING:
    import onnx

# Their values are those that they read, at the same scale: in floating point they would lose as much.
MOVING = ("Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Split", "Gather", "GatherElements")
SELECTING = ("MaxPool", "Relu", "Clip")


@dataclass(frozen=True)
class GuardResult:
    """The layers that the guard kept in floating point, and why.

    Attributes:
        max_loss: points of the metric that INT8 may cost on validation.
        loss: what it costs in the end; below 0 it gained.
        sensitivity: {layer, or `every KIND`: points gained when that alone is in floating point}, the most first. Empty
            where the loss was within the limit from the start.
        floating: names of the nodes that were left in floating point.
    """

    max_loss: float
    loss: float
    sensitivity: dict[str, float] = field(default_factory=dict)
    floating: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the manifest."""
        return {
            "max_loss_points": self.max_loss,
            "loss_points": self.loss,
            "sensitivity_points": self.sensitivity,
            "floating_point": list(self.floating),
        }


def guard_accuracy(
    judge: Callable[[tuple[str, ...]], float],
    probe: Callable[[tuple[str, ...]], float],
    layers: Sequence[str],
    kinds: Mapping[str, tuple[str, ...]],
    reference: float,
    score: float,
    max_loss: float,
) -> GuardResult:
    """Put nodes back to floating point, the most sensitive first, until the loss is within the limit.

    At least one layer stays in INT8; a loss that is still above the limit is reported by the ledger.

    Args:
        judge: writes the model with these nodes in floating point, and tells its metric on validation (percent).
        probe: tells the same, or nearly so in a fraction of the time.
        layers: all layers with weights that are in INT8.
        kinds: {kind: names of the other nodes of it that are in INT8}.
        reference: the metric of the fp32 model.
        score: the metric with all of them in INT8; the model is written so.
        max_loss: points that may be lost.
    """

    def within(score: float) -> bool:
        return reference - score <= max_loss + ROUNDING_POINTS

    groups = {layer: (layer,) for layer in layers} | {f"every {kind}": names for kind, names in kinds.items()}
    if within(score) or len(groups) < 2:
        return GuardResult(max_loss, reference - score)
    gains = {label: probe(names) - score for label, names in groups.items()}
    gains = dict(sorted(gains.items(), key=lambda item: -item[1]))
    last = [label for label in gains if label in layers][-1]
    floating: tuple[str, ...] = ()
    for label in (label for label in gains if label != last):
        floating += groups[label]
        if within(probe(floating)) and within(score := judge(floating)):
            break
    else:
        score = judge(floating)
    return GuardResult(max_loss, reference - score, gains, floating)


def layers_of(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that multiply by a constant weight, in the order of the graph."""
    return list(dict.fromkeys(weight.node for weight in layer_weights(model)))


def quantized_kinds(model: onnx.ModelProto, able: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The nodes of a Q/DQ model that read quantized tensors, by operator; those that only move values are left out.

    Args:
        model: as it was written.
        able: names of the nodes to look at.
    """
    rounded = {name for node in model.graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    kinds: dict[str, tuple[str, ...]] = {}
    for node in model.graph.node:
        if node.name in able and node.op_type not in MOVING + SELECTING and rounded.intersection(node.input):
            kinds[node.op_type] = (*kinds.get(node.op_type, ()), node.name)
    return kinds
