"""Samples: the part of the data in a bundle, by which a board calibrates and scores its own outputs."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgesynth.defaults import CALIBRATION_IMAGES
from edgesynth.errors import UserError
from edgesynth.lineage import generator
from edgesynth.lineage.storage.files import write_bytes
from edgesynth.metrics import METRICS
from edgesynth.tasks import Split, Task
from edgesynth.tasks.images.stored import form

TEST_IMAGES = 1000
# Most bytes of the test images, of the images to calibrate on, and of the expected outputs, before they are compressed.
MOST_BYTES, MOST_EXPECTED_BYTES = 1 << 24, 1 << 23
LEVELS = 256
FORM_IMAGES = 64  # that labels are told by


def choose(count: int, most: int, seed: int, purpose: str) -> Tensor:
    """At most `most` of `count` indices, ascending; the same ones for every individual of a run."""
    order = torch.randperm(count, generator=generator(seed, 0, 0, purpose))
    return order[:most].sort().values


def calibration_images(task: Task, most: int, seed: int) -> Tensor:
    """At most `most` training images, (K, C, H, W), float32, not augmented."""
    images = task.train.images
    return images[choose(len(images), most, seed, "calibration images")]


def some_images(task: Task, count: int, seed: int) -> Tensor:
    """(count, C, H, W), float32: the first images to calibrate on that are not all zero, repeated if there are fewer.

    Raises:
        UserError: all of them are, so that there would be no range to calibrate by.
    """
    images: list[Tensor] = []
    for index in choose(len(task.train.images), CALIBRATION_IMAGES, seed, "calibration images"):
        image = task.train.images[index[None]]
        if image.any():
            images.append(image)
        if len(images) == count:
            break
    if not images:
        raise UserError(
            f"the images that the task {task.name} trains on are all zero, so nothing can be learned or calibrated; "
            "look at its training data"
        )
    return torch.cat(images)[torch.arange(count) % len(images)]


def check_labels(task: Task, test: Split) -> None:
    """Refuse a task whose labels no bundle can hold, or of a form that its metric does not have on boards.

    Raises:
        UserError: see above.
    """
    metric, first = METRICS.get(task.metric_name), test.part(torch.arange(min(len(test.labels), FORM_IMAGES))).targets
    try:
        # A mask may be all void, which is no fault of its form: then all of them are looked at.
        taken = metric is None or metric.takes(first.numpy()) or metric.takes(test.targets.numpy())
    except (TypeError, RuntimeError) as error:
        raise UserError(
            f"the task {task.name} has labels that are {form(first)}, which files cannot hold ({error}); give plain "
            "integers or float32"
        ) from error
    if metric is not None and not taken:
        raise UserError(
            f"the task {task.name} has the metric {metric.name!r}, which boards compute from {metric.labels_form}, and "
            f"its labels are {form(first)}; give its class a metric_name of its own, which boards leave alone, or "
            "labels of that form"
        )


def write_samples(path: Path, calibration: Tensor, test: Split, expected: Tensor, seed: int) -> dict[str, Any]:
    """Write samples.npz, compressed.

    Images with at most 256 values a channel, such as normalized 8-bit pixels, are kept as bytes, and `levels` (C, 256)
    holds the float32 value of each byte. Of other images, a quarter as many fit the bound.

    Args:
        path: the file.
        calibration: (K, C, H, W), float32; the first that `MOST_BYTES` hold are written.
        test: the test split; `TEST_IMAGES` of it are written, or all, as far as `MOST_BYTES` go.
        expected: (N, ...), float32: outputs of the removed torch network on the whole test split; those for the first
            images of the file are written, as far as `MOST_EXPECTED_BYTES` go.
        seed: the run's.

    Returns:
        What the file holds: numbers of `images`, `calibration` images and `expected` outputs, and whether images are
        kept as `pixels`.
    """
    size = math.prod(test.images.shape[1:])
    most = max(1, MOST_BYTES // size)
    chosen = choose(len(test.images), min(TEST_IMAGES, most), seed, "test images")
    images, calibrating = _as_float32(test.images[chosen]), _as_float32(calibration[:most])
    arrays = _as_pixels(images, calibrating)
    if arrays is None:
        most = max(1, most // 4)
        chosen = choose(len(test.images), min(TEST_IMAGES, most), seed, "test images")
        arrays = {"calibration": calibrating[:most], "images": _as_float32(test.images[chosen])}
    outputs = max(1, MOST_EXPECTED_BYTES // (4 * expected[0].numel()))
    arrays["labels"], arrays["expected"] = test.labels[chosen].numpy(), _as_float32(expected[chosen[:outputs]])
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    write_bytes(path, stream.getvalue())
    counts = {name: len(arrays[name]) for name in ("images", "calibration", "expected")}
    return {**counts, "pixels": "levels" in arrays}


def _as_pixels(images: np.ndarray, calibration: np.ndarray) -> dict[str, np.ndarray] | None:
    """The arrays of images (N, C, H, W) float32 that have at most 256 numbers a channel; None of others.

    Values are compared by their bits, so that the images are restored exactly.
    """
    stacks = {"calibration": calibration.view(np.uint32), "images": images.view(np.uint32)}
    levels = np.zeros((images.shape[1], LEVELS), np.float32)
    pixels = {name: np.empty(stack.shape, np.uint8) for name, stack in stacks.items()}
    for channel in range(images.shape[1]):
        seen = np.zeros(0, np.uint32)
        # Image by image: others show themselves in the first.
        for image in (image for stack in stacks.values() for image in stack[:, channel]):
            seen = np.union1d(seen, image)
            if len(seen) > LEVELS:
                return None
        order = np.argsort(seen.view(np.float32), kind="stable")
        rank = np.argsort(order).astype(np.uint8)  # brighter pixels are larger numbers
        levels[channel, : len(seen)] = seen.view(np.float32)[order]
        for name, stack in stacks.items():
            pixels[name][:, channel] = rank[np.searchsorted(seen, stack[:, channel])]
    return {**pixels, "levels": levels}


def _as_float32(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.numpy(), np.float32)
