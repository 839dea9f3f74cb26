"""The saliency task: for every pixel, whether it belongs to what a viewer looks at first."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from edgesynth.tasks.saliency.f_beta import f_beta, mean_absolute_error
from edgesynth.tasks.stored import form
from edgesynth.tasks.task import Task

CERTAIN = 20.0  # log-odds of a pixel that nobody doubts


@dataclass(frozen=True)
class Saliency(Task):
    """Labels are (N, 1, H, W) uint8 masks of 0 and 1, a network gives one map of log-odds of the same size."""

    metric_name = "F-beta"
    teaching = "logits"
    decoding = {"form": "map", "steps": ["sigmoid"]}  # noqa: RUF012  (never changed)

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy of outputs (N, 1, H, W) against masks of the same shape."""
        return F.binary_cross_entropy_with_logits(outputs, labels.to(outputs.dtype))

    def metric(self, outputs: Tensor, labels: Tensor) -> float:
        """The largest F-beta over all thresholds, percent; see `f_beta`."""
        return f_beta(outputs, labels)

    def beside(self, outputs: Tensor, labels: Tensor) -> dict[str, float]:
        """Mean absolute error of the maps, 0 to 1."""
        return {"MAE": mean_absolute_error(outputs, labels)}

    @property
    def answer_shape(self) -> tuple[int, ...]:
        """(1, H, W)."""
        return (1, *self.input_shape[1:])

    def moved(self, labels: Tensor, variants: Tensor) -> Tensor:
        """Masks go where their images go."""
        return self.augment_masks(labels, variants)

    def wrong_labels(self, labels: Tensor) -> str:
        """Labels are (N, 1, H, W) of uint8, 0 or 1."""
        if labels.shape[1:] != self.answer_shape or labels.dtype != torch.uint8:
            return f"are {form(labels)}; they must be (N, {', '.join(map(str, self.answer_shape))}) of uint8"
        high = int(labels.max())
        return f"run up to {high}; they must be 0 or 1" if high > 1 else ""

    def right(self, labels: Tensor) -> Tensor:
        """(N, 1, H, W) log-odds that are sure of every pixel."""
        return (2 * labels.float() - 1) * CERTAIN
