"""Samples: what a bundle carries of the data, so that a board can calibrate, and can judge its own answers."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from edgesynth.lineage import generator
from edgesynth.lineage.files import write_bytes
from edgesynth.tasks import Split, Task

TEST_IMAGES = 1000
MOST_BYTES = 1 << 28  # of them and their expected outputs, and as much again of the images to calibrate on


def choose(count: int, most: int, seed: int, purpose: str) -> Tensor:
    """At most `most` of `count` indices, ascending; the same ones for every individual of a run."""
    order = torch.randperm(count, generator=generator(seed, 0, 0, purpose))
    return order[:most].sort().values


def calibration_images(task: Task, most: int, seed: int) -> Tensor:
    """At most `most` training images, (K, C, H, W), float32, not augmented."""
    images = task.train.images
    return images[choose(len(images), most, seed, "calibration images")]


def write_samples(path: Path, calibration: Tensor, test: Split, expected: Tensor, seed: int) -> None:
    """Write samples.npz.

    Args:
        path: the file.
        calibration: (K, C, H, W), float32; the first that `MOST_BYTES` hold are written.
        test: the test split; `TEST_IMAGES` of it are written, or all, as far as `MOST_BYTES` go.
        expected: (N, ...), float32: outputs of the removed torch network on the whole test split.
        seed: the run's.
    """
    size = 4 * (math.prod(test.images.shape[1:]) + expected[0].numel())
    chosen = choose(len(test.images), max(1, min(TEST_IMAGES, MOST_BYTES // size)), seed, "test images")
    arrays = {
        "calibration": _as_float32(calibration[: max(1, MOST_BYTES // (4 * calibration[0].numel()))]),
        "images": _as_float32(test.images[chosen]),
        "labels": test.labels[chosen].numpy(),
        "expected": _as_float32(expected[chosen]),
    }
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    write_bytes(path, stream.getvalue())


def _as_float32(tensor: Tensor) -> np.ndarray:
    return tensor.numpy().astype(np.float32, copy=False)
