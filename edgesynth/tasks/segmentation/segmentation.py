"""The segmentation task: the class of every pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from edgesynth.metrics.mean_iou import mean_iou, pixel_accuracy
from edgesynth.tasks.images.stored import form
from edgesynth.tasks.segmentation.class_map import VOID
from edgesynth.tasks.segmentation.class_weights import median_frequency
from edgesynth.tasks.task import Task
from edgesynth.tasks.task.as_numpy import as_numpy

CERTAIN = 20.0  # score of the right class, above those of the others


@dataclass(frozen=True)
class Segmentation(Task):
    """Labels are (N, H, W) uint8 numbers of classes, 255 for none; a network gives a map of scores for each class.

    Attributes:
        class_weights: of each class in the loss; None weighs all pixels alike.
    """

    class_weights: tuple[float, ...] | None = None

    metric_name = "mIoU"
    teaching = "classes"
    decoding = {"form": "class map", "steps": ["argmax"]}  # noqa: RUF012  (never changed)

    def weighted(self) -> Segmentation:
        """The same task with weights by median frequency."""
        return replace(self, class_weights=median_frequency(self.train.labels, len(self.labels)))

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of outputs (N, classes, H, W) against labels (N, H, W), over the pixels that are counted."""
        weights = outputs.new_tensor(self.class_weights or [1.0] * len(self.labels))
        total = F.cross_entropy(outputs, labels.long(), weights, ignore_index=VOID, reduction="sum")
        # By the weights there are; a batch of void alone has none, and a loss of zero.
        there = F.pad(weights, (0, VOID + 1 - len(weights)))[labels.long()].sum()
        return total / there.clamp(min=1e-12)

    def metric(self, outputs: Tensor, labels: Tensor) -> float:
        """Mean intersection over union, percent."""
        return mean_iou(as_numpy(outputs), as_numpy(labels))

    def extra_metrics(self, outputs: Tensor, labels: Tensor) -> dict[str, float]:
        """Share of pixels whose class is predicted, 0 to 1."""
        return {"pixel accuracy": pixel_accuracy(as_numpy(outputs), as_numpy(labels))}

    @property
    def answer_shape(self) -> tuple[int, ...]:
        """(classes, H, W)."""
        return (len(self.labels), *self.input_shape[1:])

    def augment_labels(self, labels: Tensor, variants: Tensor) -> Tensor:
        """Masks, moved with their images."""
        return self.augment_masks(labels[:, None], variants)[:, 0]

    def check_labels(self, labels: Tensor) -> str:
        """Labels are (N, H, W) of uint8, each the number of a class or 255, and not all of them 255."""
        shape = self.answer_shape[1:]
        if labels.shape[1:] != shape or labels.dtype != torch.uint8:
            return f"are {form(labels)}; they must be (N, {', '.join(map(str, shape))}) of uint8"
        counted = labels[labels != VOID]
        if not len(counted):
            return f"are all {VOID}, which is void and not counted; some pixels must have a class"
        if int(counted.max()) >= len(self.labels):
            return (
                f"run up to {int(counted.max())} and {len(self.labels)} classes are named; they must lie within 0 to "
                f"{len(self.labels) - 1}, or be {VOID} for none"
            )
        return ""

    def perfect_outputs(self, labels: Tensor) -> Tensor:
        """(N, classes, H, W) scores that predict every pixel right; void pixels may have any."""
        numbers = labels.long().masked_fill(labels == VOID, 0)
        return F.one_hot(numbers, len(self.labels)).movedim(-1, 1) * CERTAIN
