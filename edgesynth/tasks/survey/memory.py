"""Memory that a task's data take in training."""

from __future__ import annotations

import weakref
from collections import Counter

from torch import Tensor

from edgesynth.tasks.classification.packed import Packed
from edgesynth.tasks.images.stored import Kept
from edgesynth.tasks.task import Task


def held_bytes(task: Task) -> int:
    """Bytes of images and labels; of data on disk, the bytes that may be kept in memory."""
    splits = [task.train, task.validation]
    if _test_stays(task):
        splits.append(task.load_test())
    held, on_disk = 0, Counter[Kept]()
    for stack in (stack for split in splits for stack in split):
        if isinstance(stack, Tensor):
            held += stack.nbytes
        elif isinstance(stack, Packed):
            held += stack.pixels.nbytes
        else:
            on_disk[stack.kept] += stack.shape.numel()  # pixels, a byte each
    return held + sum(min(needed, kept.bound()) for kept, needed in on_disk.items())


def _test_stays(task: Task) -> bool:
    """Whether the test split stays in memory; else it is read when needed and dropped."""
    return weakref.ref(task.load_test().images)() is not None
