"""Tasks that were handed over as objects."""

from __future__ import annotations

import hashlib

from edgesynth.lent import lend, lent
from edgesynth.tasks.checking import check_task
from edgesynth.tasks.stored import Stored
from edgesynth.tasks.task import Task


def lend_task(task: Task) -> str:
    """A name by which `load_task` finds a task in this process; other data have another name.

    Raises:
        UserError: the task is not sound.
    """
    check_task(task, task.name)
    ways = (task.max_shift, task.flip, *([task.max_zoom] if task.max_zoom != 1 else []))
    digest = hashlib.sha256(repr((list(task.labels), *ways)).encode())
    for tensor in (*task.train, *task.validation):
        digest.update(tensor.identity() if isinstance(tensor, Stored) else tensor.contiguous().numpy().tobytes())
    return lend(task.name, digest.hexdigest(), task)


def given_task(name: str) -> Task:
    """The task that was lent under this name.

    Raises:
        UserError: it was lent in another process.
    """
    return lent(name, "package.module:task as the task")
