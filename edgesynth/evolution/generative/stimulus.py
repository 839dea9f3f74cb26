"""The stimulus: training images that no network of the run is trained on, set aside for the inquisitor's probing.

They come out of the training split, so that validation stays what it is for, selection; and no network learns them, so
that its reactions are those to images it does not know.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from edgesynth.lineage import generator
from edgesynth.tasks import Classification, Split

MOST, SHARE = 512, 0.1


def set_aside(task: Classification, seed: int) -> tuple[Classification, Split]:
    """The task without the stimulus, and the stimulus: 512 training images, or a tenth of them if that is less.

    Args:
        task: with its whole training split.
        seed: the run's.
    """
    images, labels = task.train
    order = torch.randperm(len(labels), generator=generator(seed, 0, 0, "stimulus"))
    count = min(MOST, max(1, int(SHARE * len(labels))))
    aside, rest = order[:count], order[count:].sort().values
    return replace(task, train=Split(images[rest], labels[rest])), Split(images[aside], labels[aside])
