"""The saliency task: for every pixel, whether it belongs to the object that viewers look at first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from edgesynth.metrics.f_beta import f_beta, mean_absolute_error
from edgesynth.tasks.images.stored import form
from edgesynth.tasks.segmentation.class_weights import median_frequency
from edgesynth.tasks.task import Task
from edgesynth.tasks.task.as_numpy import as_numpy

CERTAIN = 20.0  # log-odds of a pixel that nobody doubts


@dataclass(frozen=True)
class Saliency(Task):
    """Labels are (N, 1, H, W) uint8 masks of 0 and 1, a network gives one map of log-odds of the same size.

    Attributes:
        class_weights: of a pixel that is not salient and of one that is, in the loss; None weighs both alike.
    """

    class_weights: tuple[float, ...] | None = None

    metric_name = "F-beta"
    teaching = "logits"
    decoding = {"form": "map", "steps": ["sigmoid"]}  # noqa: RUF012  (never changed)

    def weighted(self) -> Saliency:
        """The same task with weights by median frequency."""
        return replace(self, class_weights=median_frequency(self.train.labels, 2))

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy of outputs (N, 1, H, W) against masks of the same shape, by the weights there are."""
        masks = labels.to(outputs.dtype)
        if self.class_weights is None:
            return F.binary_cross_entropy_with_logits(outputs, masks)
        weights = outputs.new_tensor(self.class_weights)[labels.long()]
        return F.binary_cross_entropy_with_logits(outputs, masks, weights, reduction="sum") / weights.sum()

    def metric(self, outputs: Tensor, labels: Tensor) -> float:
        """The largest F-beta over all thresholds, percent."""
        return f_beta(as_numpy(outputs), as_numpy(labels))

    def extra_metrics(self, outputs: Tensor, labels: Tensor) -> dict[str, float]:
        """Mean absolute error of the maps, 0 to 1."""
        return {"MAE": mean_absolute_error(as_numpy(outputs), as_numpy(labels))}

    @property
    def answer_shape(self) -> tuple[int, ...]:
        """(1, H, W)."""
        return (1, *self.input_shape[1:])

    def augment_labels(self, labels: Tensor, variants: Tensor) -> Tensor:
        """Masks, moved with their images."""
        return self.augment_masks(labels, variants)

    def check_labels(self, labels: Tensor) -> str:
        """Labels are (N, 1, H, W) of uint8, 0 or 1."""
        if labels.shape[1:] != self.answer_shape or labels.dtype != torch.uint8:
            return f"are {form(labels)}; they must be (N, {', '.join(map(str, self.answer_shape))}) of uint8"
        high = int(labels.max())
        return f"run up to {high}; they must be 0 or 1" if high > 1 else ""

    def perfect_outputs(self, labels: Tensor) -> Tensor:
        """(N, 1, H, W) log-odds that predict every pixel right with near certainty."""
        return (2 * labels.float() - 1) * CERTAIN
