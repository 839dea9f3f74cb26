"""Training batches: random order, augmented."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from edgesynth.tasks import Task


class Batch(NamedTuple):
    """What one step sees.

    Attributes:
        images: (N, C, H, W), augmented.
        labels: (N, ...), moved with their images.
        indices: (N,) places of the images in the training split.
        variants: (N,) how each was augmented; see `Task.draw_variants`.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor
    variants: Tensor

    def on(self, device: torch.device) -> Batch:
        """The batch with images and labels on a device; what only says which they are stays where it was drawn."""
        return self._replace(images=self.images.to(device), labels=self.labels.to(device))


def batches(task: Task, size: int, generator: torch.Generator) -> Iterator[Batch]:
    """One epoch: every training image once, in random order, in batches of so many; see `batch_sizes`."""
    order = torch.randperm(len(task.train.labels), generator=generator)
    for indices in order.split(batch_sizes(len(order), size)):
        variants = task.draw_variants(len(indices), generator)
        images, labels = task.train.images[indices], task.train.labels[indices]
        yield Batch(task.augment(images, variants), task.augment_labels(labels, variants), indices, variants)


def batch_sizes(images: int, size: int) -> list[int]:
    """Images of each batch of an epoch: what is left over is a batch too, but a single image joins the one before.

    Batch normalization cannot train on one value of a channel, which has no variance.
    """
    sizes, rest = [size] * (images // size), images % size
    if rest == 1 and sizes:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return sizes
