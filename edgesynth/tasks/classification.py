"""Image classification: images and labels in memory, cross-entropy, accuracy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from edgesynth.tasks.augmentation import draw_flips, draw_shifts, flipped, shifted, shifts


class Split(NamedTuple):
    """One part of a data set.

    Attributes:
        images: (N, C, H, W), float32, normalised.
        labels: (N,), int64.
    """

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Classification:
    """A classification task: three splits, a loss, one metric and the preprocessing that deployment must repeat.

    Attributes:
        name: name on the command line.
        train: what nurture sees.
        validation: held out of the training data; what selection sees.
        load_test: reads the test split; called only when an individual is reported, never by selection.
        labels: names of the classes, in the order of the network's outputs.
        preprocessing: JSON-able steps from an image file to the network's input.
        max_shift: augmentation shifts images by up to this many pixels either way.
        flip: augmentation mirrors half of the images, left to right.
    """

    name: str
    train: Split
    validation: Split
    load_test: Callable[[], Split]
    labels: Sequence[str]
    preprocessing: dict[str, Any] = field(default_factory=dict)
    max_shift: int = 2
    flip: bool = False

    metric_name = "accuracy"
    metric_unit = "percent"

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one input."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width

    @property
    def variants(self) -> int:
        """In how many ways an image can be augmented."""
        return shifts(self.max_shift) * (2 if self.flip else 1)

    def draw_variants(self, count: int, generator: torch.Generator) -> Tensor:
        """(count,) ways to augment, each below `variants`."""
        numbers = draw_shifts(count, self.max_shift, generator)
        return numbers + shifts(self.max_shift) * draw_flips(count, generator) if self.flip else numbers

    def augment(self, images: Tensor, variants: Tensor) -> Tensor:
        """Shift each image by its own few pixels, mirror some: (N, C, H, W) in and out, variants (N,)."""
        moved = shifted(images, self.max_shift, variants % shifts(self.max_shift))
        return flipped(moved, variants >= shifts(self.max_shift)) if self.flip else moved

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy of outputs (N, classes) against labels (N,)."""
        return F.cross_entropy(outputs, labels)

    def metric(self, outputs: Tensor, labels: Tensor) -> float:
        """Top-1 accuracy in percent (higher is better) of outputs (N, classes) against labels (N,)."""
        return 100.0 * (outputs.argmax(dim=1) == labels).double().mean().item()
