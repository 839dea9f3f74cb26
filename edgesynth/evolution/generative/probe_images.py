"""Probe images: training images on which no network of the run is trained, held out for the inquisitor.

They come from the training split, so that validation serves selection alone. No network learns them, so that it reacts
to them as to images that it does not know.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from edgesynth.lineage import generator
from edgesynth.tasks import Split, Task

MOST, SHARE = 512, 0.1


def hold_out_probe_images(task: Task, seed: int) -> tuple[Task, Split]:
    """The task without its probe images, and these: 512 training images, or a tenth of them if that is less.

    Args:
        task: with its whole training split.
        seed: the run's.
    """
    size = len(task.train.labels)
    order = torch.randperm(size, generator=generator(seed, 0, 0, "stimulus"))
    count = min(MOST, max(1, int(SHARE * size)))
    held_out, rest = order[:count], order[count:].sort().values
    return replace(task, train=task.train.part(rest)), task.train.part(held_out)
