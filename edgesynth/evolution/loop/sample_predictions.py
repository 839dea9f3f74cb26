"""Pictures: a few test images with the answers of the ancestor and the best individual, for the report."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from edgesynth.lineage import Predictions, Run, Species
from edgesynth.nurture import outputs
from edgesynth.tasks import Split, Task

COUNT = 6


def keep_sample_predictions(run: Run, species: Species, task: Task, test: Split, ancestor: str, offspring: str) -> None:
    """Write the run's predictions for six images, evenly spread over the test split."""
    some = test.part(torch.linspace(0, len(test.labels) - 1, min(COUNT, len(test.labels))).round().long())
    images = some.images[torch.arange(len(some.labels))]
    first, second = (
        outputs(species.quantized(run.load(name, species.anatomy)), images).numpy() for name in (ancestor, offspring)
    )
    decoding = task.decoding_of(first.shape[1:])
    shown, truth = _pixels(images, task), some.targets.numpy()
    Predictions((ancestor, offspring), decoding["form"], shown, truth, first, second, decoding).write(run.path)


def _pixels(images: Tensor, task: Task) -> np.ndarray:
    """(K, H, W, C) uint8: normalization undone where the task states it, else stretched from darkest to brightest."""
    steps = task.preprocessing
    if {"mean", "std"} <= steps.keys():
        mean, deviation = (torch.tensor(steps[name], dtype=torch.float32)[:, None, None] for name in ("mean", "std"))
        shown = images * deviation + mean
    else:
        low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
        shown = (images - low) / (high - low).clamp(min=1e-12)
    return (255 * shown.clamp(0, 1)).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
