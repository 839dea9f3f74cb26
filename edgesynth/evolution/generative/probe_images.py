"""The stimulus: training images that no network of the run is trained on, set aside for the inquisitor's probing.

They come out of the training split, so that validation stays what it is for, selection; and no network learns them, so
that its reactions are those to images it does not know.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from edgesynth.lineage import generator
from edgesynth.tasks import Split, Task

MOST, SHARE = 512, 0.1


def hold_out_probe_images(task: Task, seed: int) -> tuple[Task, Split]:
    """The task without the stimulus, and the stimulus: 512 training images, or a tenth of them if that is less.

    Args:
        task: with its whole training split.
        seed: the run's.
    """
    size = len(task.train.labels)
    order = torch.randperm(size, generator=generator(seed, 0, 0, "stimulus"))
    count = min(MOST, max(1, int(SHARE * size)))
    aside, rest = order[:count], order[count:].sort().values
    return replace(task, train=task.train.part(rest)), task.train.part(aside)
