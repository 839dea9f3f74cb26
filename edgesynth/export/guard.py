"""Guard: layers that cost accuracy in INT8 are found by switching each back alone, and stay in floating point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edgesynth.benchmark.metrics.metric import ROUNDING_POINTS

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Guarded:
    """What the guard found.

    Attributes:
        max_loss: points of the metric that INT8 may cost on validation.
        loss: what it costs in the end; below 0 it gained.
        sensitivity: {layer: points gained when that layer alone is in floating point}, the most first. Empty where the
            loss was within the limit from the start.
        floating: the layers that were left in floating point.
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


def guard(
    judge: Callable[[tuple[str, ...]], float], layers: Sequence[str], reference: float, score: float, max_loss: float
) -> Guarded:
    """Put layers back to floating point, the most sensitive first, until the loss is within the limit.

    One layer stays in INT8 in any case: what remains too bad is for the ledger to say.

    Args:
        judge: writes the model with these layers in floating point, and tells its metric on validation (percent).
        layers: all layers that are in INT8.
        reference: the metric of the fp32 model.
        score: the metric with all of them in INT8; the model is written so.
        max_loss: points that may be lost.
    """

    def within(found: float) -> bool:
        return reference - found <= max_loss + ROUNDING_POINTS

    if within(score) or len(layers) < 2:
        return Guarded(max_loss, reference - score)
    gains = {layer: judge((layer,)) - score for layer in layers}
    gains = dict(sorted(gains.items(), key=lambda item: -item[1]))
    order = list(gains)
    for count in range(1, len(order)):
        found = judge(tuple(order[:count]))
        if within(found):
            break
    return Guarded(max_loss, reference - found, gains, tuple(order[:count]))


def layers_of(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that multiply by a constant weight, in the order of the graph."""
    constants = {item.name for item in model.graph.initializer}
    return [
        node.name
        for node in model.graph.node
        if node.op_type in ("Conv", "Gemm", "MatMul") and any(name in constants for name in node.input[1:2])
    ]
