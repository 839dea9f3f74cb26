"""Task: data, loss, one metric, preprocessing and decoding. No other package knows more of it than this class.

A new kind of task is a subclass that says what its targets are (labels, masks, boxes), how they move with their images,
and how outputs are scored. Its metric needs a second form in `edgesynth.metrics`, in numpy for the board. A
`Presentation` shows its outputs to people.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.tasks.images.augmentation import (
    draw_flips,
    draw_shifts,
    draw_zooms,
    flipped,
    shifted,
    shifts,
    shown,
    windows,
    zooms,
)
from edgesynth.tasks.images.stored import Stored, in_memory
from edgesynth.tasks.task.presentation import Presentation, presentation_of
from edgesynth.tasks.task.sampled import sample_of

# How answers are compared with a teacher's: classes that exclude each other along dimension 1, at every place; logits
# that each stand for themselves; plain numbers.
Teaching = Literal["classes", "logits", "numbers"]


class Split(NamedTuple):
    """One part of a data set.

    Attributes:
        images: (N, C, H, W), float32, normalized; in memory, or read when they are asked for.
        labels: (N, ...), what the loss compares outputs with, such as (N,) int64 classes; likewise.
    """

    images: Tensor | Stored
    labels: Tensor | Stored

    def part(self, indices: Tensor) -> Split:
        """The samples at these indices; images on disk are not read."""
        return Split(*(stack.part(indices) if isinstance(stack, Stored) else stack[indices] for stack in self))

    def itself(self) -> Split:
        """The split itself: a `load_test` that can be sent to other processes, where a lambda cannot."""
        return self

    @property
    def targets(self) -> Tensor:
        """All labels, in memory."""
        return in_memory(self.labels)


@dataclass(frozen=True)
class Task(ABC):
    """Three splits, a loss, one metric and the preprocessing that deployment must repeat.

    A network of a task takes (N, C, H, W) and gives one tensor, (N, ...): several heads are joined along dimension 1.

    Attributes:
        name: name on the command line.
        train: what nurture sees.
        validation: held out of the training data; what selection sees.
        load_test: reads the test split; called before a run, for the form of its labels, and when an individual is
            reported, never by selection.
        labels: names of the classes or maps, in the order of the network's channels; their number is what an ancestor
            is asked for.
        preprocessing: JSON-able steps from an image file to the network's input.
        max_shift: augmentation shifts images by up to this many pixels either way.
        flip: augmentation mirrors half of the images, left to right.
        max_zoom: augmentation scales images by up to this factor, either way, and cuts them or repeats their edge; at 1
            it does not.
        notes: what the user should know of the data, such as how many images were skipped; one line each.
        skipped: every file that was left out and why, one line each.
    """

    name: str
    train: Split
    validation: Split
    load_test: Callable[[], Split]
    labels: Sequence[str]
    preprocessing: dict[str, Any] = field(default_factory=dict)
    max_shift: int = 2
    flip: bool = False
    max_zoom: float = 1.0
    notes: Sequence[str] = ()
    skipped: Sequence[str] = ()

    metric_name: ClassVar[str]
    metric_unit: ClassVar[str] = "percent"  # of every metric; more is better
    teaching: ClassVar[Teaching]
    decoding: ClassVar[dict[str, Any]]  # JSON-able: what a device makes of the outputs

    @abstractmethod
    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """One number, the mean over images."""

    @abstractmethod
    def metric(self, outputs: Tensor, labels: Tensor) -> float:
        """Percent, higher is better, of the outputs for a whole split."""

    @property
    @abstractmethod
    def answer_shape(self) -> tuple[int, ...]:
        """Shape of the output for one image."""

    @abstractmethod
    def check_labels(self, labels: Tensor) -> str:
        """What is wrong with the labels of a split, as in `are (9,) of float32; they must be ...`; empty if nothing."""

    @abstractmethod
    def perfect_outputs(self, labels: Tensor) -> Tensor:
        """Outputs of a network that is always right."""

    def weighted(self) -> Task:
        """The same task with a loss in which rare classes weigh more.

        Raises:
            UserError: its loss knows no weights.
        """
        raise UserError(
            f"--class-weights is given and the task {self.name} weighs no classes (classification, segmentation and "
            "saliency do); leave it out"
        )

    def augment_labels(self, labels: Tensor, variants: Tensor) -> Tensor:
        """Labels after the augmentation of their images by these variants; see `augment`. Unchanged by default."""
        return labels

    def extra_metrics(self, outputs: Tensor, labels: Tensor) -> dict[str, float]:
        """{name: value} of further figures: they are reported, and selection ignores them."""
        return {}

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether a network with this output shape, without the batch, fits the task."""
        return tuple(shape) == self.answer_shape

    def decoding_of(self, shape: Sequence[int]) -> dict[str, Any]:
        """How a device decodes outputs of this shape, without the batch; JSON-able, with all parameters."""
        return self.decoding

    def presentation(self, decoding: dict[str, Any]) -> Presentation:
        """How outputs that are decoded so are shown in a bundle's README: that of their form, unless overridden."""
        return presentation_of(decoding["form"])

    def to_json(self) -> dict[str, Any]:
        """Facts of the task for places that do not have its data, such as the run directory."""
        return {
            "name": self.name,
            "metric": self.metric_name,
            "unit": self.metric_unit,
            "labels": list(self.labels),
            "images": {"train": len(self.train.labels), "validation": len(self.validation.labels)},
            "samples": {"train": sample_of(*self.train), "validation": sample_of(*self.validation)},
            "notes": list(self.notes),
        }

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one input."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width

    @property
    def variants(self) -> int:
        """Number of ways in which an image can be augmented."""
        return shifts(self.max_shift) * (2 if self.flip else 1) * len(zooms(self.max_zoom))

    def draw_variants(self, count: int, generator: Any) -> Tensor:
        """(count,) ways to augment, each below `variants`, from a `torch.Generator`."""
        numbers, step = draw_shifts(count, self.max_shift, generator), shifts(self.max_shift)
        if self.flip:
            numbers, step = numbers + step * draw_flips(count, generator), 2 * step
        return numbers + step * draw_zooms(count, self.max_zoom, generator) if self.max_zoom != 1 else numbers

    def augment(self, images: Tensor, variants: Tensor) -> Tensor:
        """Shift each image by its own few pixels, mirror and scale some: (N, C, H, W) in and out, variants (N,)."""
        return self._move(images, variants, "bilinear")

    def augment_masks(self, masks: Tensor, variants: Tensor) -> Tensor:
        """Augment masks (N, C, H, W) of integers up to 255 as `augment` does their images, by nearest neighbor."""
        return self._move(masks.float(), variants, "nearest").to(masks.dtype)

    def windows(self, variants: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 4) the window of each image that is shown, (N,) bool if it is mirrored; see `augmentation.windows`."""
        step = shifts(self.max_shift)
        ways = variants // step
        mirrored = ways % 2 == 1 if self.flip else torch.zeros_like(ways, dtype=torch.bool)
        factors = torch.tensor(zooms(self.max_zoom), dtype=torch.float64)[ways // 2 if self.flip else ways]
        _, height, width = self.input_shape
        return windows(variants % step, factors, self.max_shift, height, width), mirrored

    def _move(self, images: Tensor, variants: Tensor, mode: str) -> Tensor:
        if self.max_zoom != 1:
            return shown(images, *self.windows(variants), mode)
        # Whole pixels are moved exactly.
        moved = shifted(images, self.max_shift, variants % shifts(self.max_shift))
        return flipped(moved, variants >= shifts(self.max_shift)) if self.flip else moved
