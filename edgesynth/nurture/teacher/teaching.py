"""The ancestor as teacher: asked once for every image and shift, its answers are remembered.

Else the teacher, which is the larger network, would cost more than the pupil's own training.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from edgesynth.nurture.batches import Batch
from edgesynth.nurture.inference.inference_batch import inference_batch
from edgesynth.tasks import Task

MOST_REMEMBERED = 1 << 28  # bytes
MOST_VARIANTS = 25  # with more, too few of the answers would be asked for twice
CHUNK = 1000


class Teacher:
    """Answers of a network to the training images of a task.

    Args:
        network: the ancestor, in evaluation mode; it follows the batches to their device.
        task: what it learned.
    """

    def __init__(self, network: nn.Module, task: Task) -> None:
        self.network = network.eval()
        self.task = task
        self._answers: Tensor | None = None

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Tensor:
        """Answers (N, ...) to a batch, in float32, where its images lie."""
        device = batch.images.device
        count = len(self.task.train.labels)
        remembered = 4 * count * math.prod(self.task.answer_shape) * self.task.variants
        if remembered > MOST_REMEMBERED or self.task.variants > MOST_VARIANTS:
            return self.network.to(device)(batch.images)
        if self._answers is None:
            self.network.to(device)
            self._answers = torch.stack([self._answer_all(variant, device) for variant in range(self.task.variants)])
        return self._answers[batch.variants, batch.indices]

    def _answer_all(self, variant: int, device: torch.device) -> Tensor:
        """(N, ...) answers to all training images, augmented in the same way."""
        parts = []
        for images in self.task.train.images.split(inference_batch(self.task.train.images, CHUNK)):
            images = images.to(device)
            parts.append(self.network(self.task.augment(images, torch.full((len(images),), variant))))
        return torch.cat(parts)
