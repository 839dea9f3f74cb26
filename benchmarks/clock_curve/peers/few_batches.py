"""The images by which peers measure gradients and statistics."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from benchmarks.clock_curve.peers.goal import Goal
from edgesynth.lineage import generator
from edgesynth.nurture import Batch, batches

BATCHES, BATCH = 8, 128


def few_batches(goal: Goal) -> Iterator[Batch]:
    """1,024 training images, augmented; the same for every peer and every call."""
    return islice(batches(goal.task, BATCH, generator(goal.seed, 0, 0, "few batches")), BATCHES)
