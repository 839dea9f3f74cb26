"""Image classification: images and labels, cross-entropy, accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from edgesynth.metrics.accuracy import accuracy
from edgesynth.tasks.classification.class_frequency import median_over
from edgesynth.tasks.images.stored import form
from edgesynth.tasks.task import Split, Task
from edgesynth.tasks.task.as_numpy import as_numpy

__all__ = ["Classification", "Split"]


@dataclass(frozen=True)
class Classification(Task):
    """A classification task: labels are (N,) int64, a network gives one number for each class.

    Attributes:
        class_weights: of each class in the loss; None weighs all images alike.
    """

    class_weights: tuple[float, ...] | None = None

    metric_name = "accuracy"
    teaching = "classes"
    decoding = {"form": "classes", "steps": ["argmax"]}  # noqa: RUF012  (dataclasses.replace shares it; never changed)

    def weighted(self) -> Classification:
        """The same task with weights by median frequency: a class of half as many images weighs twice."""
        counts = self.train.targets.bincount(minlength=len(self.labels)).double()
        return replace(self, class_weights=median_over(counts / counts.sum()))

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy of outputs (N, classes) against labels (N,), by the weights there are."""
        if self.class_weights is None:
            return F.cross_entropy(outputs, labels)
        weights = outputs.new_ones(outputs.shape[1])  # more outputs than classes are allowed
        weights[: len(self.labels)] = outputs.new_tensor(self.class_weights)
        return F.cross_entropy(outputs, labels, weights)

    def metric(self, outputs: Tensor, labels: Tensor) -> float:
        """Top-1 accuracy in percent (higher is better) of outputs (N, classes) against labels (N,)."""
        return accuracy(as_numpy(outputs), as_numpy(labels))

    @property
    def answer_shape(self) -> tuple[int, ...]:
        """(classes,)."""
        return (len(self.labels),)

    def fits(self, shape: Sequence[int]) -> bool:
        """(outputs,) with at least one for each class; those beyond are never right."""
        return len(shape) == 1 and shape[0] >= len(self.labels)

    def check_labels(self, labels: Tensor) -> str:
        """Labels are (N,) of int64, each the number of a class."""
        if labels.ndim != 1 or labels.dtype != torch.int64:
            return f"are {form(labels)}; they must be (N,) of int64"
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= len(self.labels):
            return (
                f"run from {low} to {high} and {len(self.labels)} classes are named; "
                f"they must lie within 0 to {len(self.labels) - 1}"
            )
        return ""

    def perfect_outputs(self, labels: Tensor) -> Tensor:
        """(N, classes), 1 for the class that it is."""
        return F.one_hot(labels, len(self.labels)).float()
