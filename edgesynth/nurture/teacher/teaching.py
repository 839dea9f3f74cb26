"""The ancestor as teacher: asked once for every image and shift, its answers are remembered.

Else the teacher, which is the larger network, would cost more than the pupil's own training.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from edgesynth.nurture.batches import Batch
from edgesynth.nurture.hardware import Hardware
from edgesynth.nurture.inference.inference_batch import inference_batch
from edgesynth.nurture.teacher.kept_answers import keep, kept, key_of
from edgesynth.tasks import Task

MOST_REMEMBERED = 1 << 28  # bytes
MOST_VARIANTS = 25  # with more, too few of the answers would be asked for twice
CHUNK = 250  # of which the activations of a small network stay in a processor's cache
LOOKED_AT = 64  # images by whose answers a teacher is known again
WORTH_KEEPING_S = 20.0
HERE = Hardware()


class Teacher:
    """Answers of a network to the training images of a task.

    What took long to ask is kept in the user's cache folder for the runs to come.

    Args:
        network: the ancestor, in evaluation mode; it follows the batches to their device.
        task: what it learned.
        hardware: the number format that it computes in.
    """

    def __init__(self, network: nn.Module, task: Task, hardware: Hardware = HERE) -> None:
        self.network = network.eval()
        self.task = task
        self.hardware = hardware
        self._answers: Tensor | None = None

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Tensor:
        """Answers (N, ...) to a batch, in float32, where its images lie."""
        device = batch.images.device
        count = len(self.task.train.labels)
        remembered = 4 * count * math.prod(self.task.answer_shape) * self.task.variants
        if remembered > MOST_REMEMBERED or self.task.variants > MOST_VARIANTS:
            return self.compute(batch)
        if self._answers is None:
            self.network.to(device)
            self._answers = self._all_answers(device)
        return self._answers[batch.variants, batch.indices]

    @torch.no_grad()
    def compute(self, batch: Batch) -> Tensor:
        """Answers (N, ...) to a batch, computed now, whatever is remembered."""
        return self.hardware.forward(self.network.to(batch.images.device), batch.images)

    def _all_answers(self, device: torch.device) -> Tensor:
        """(variants, N, ...) answers to all training images: those that were kept, or asked for now."""
        start = time.perf_counter()
        first = next(iter(self.task.train.images.split(LOOKED_AT))).to(device)
        answers = [self._answer(first, variant) for variant in range(self.task.variants)]
        asked_s = (time.perf_counter() - start) * len(self.task.train.labels) / len(first)
        if asked_s < WORTH_KEEPING_S:
            return self._ask(device)
        key = key_of(self._identity(answers))
        known = kept(key)
        if known is None:
            known = self._ask(device)
            keep(key, known.cpu())
        return known.to(device)

    def _identity(self, answers: list[Tensor]) -> Iterator[Tensor]:
        """What the answers depend on: weights, images, and by its first answers what cannot be read as numbers."""
        yield from self.network.state_dict().values()
        yield from answers
        yield from self.task.train.images.split(CHUNK)

    def _ask(self, device: torch.device) -> Tensor:
        return torch.stack([self._answer_all(variant, device) for variant in range(self.task.variants)])

    def _answer_all(self, variant: int, device: torch.device) -> Tensor:
        """(N, ...) answers to all training images, augmented in the same way."""
        images = self.task.train.images
        chunks = images.split(inference_batch(images, CHUNK))
        return torch.cat([self._answer(chunk.to(device), variant) for chunk in chunks])

    def _answer(self, images: Tensor, variant: int) -> Tensor:
        augmented = self.task.augment(images, torch.full((len(images),), variant))
        return self.hardware.forward(self.network, augmented)
