"""Tasks that were given as objects: known in this process alone."""

from __future__ import annotations

import hashlib

import torch

from edgesynth.object_registry import register_object, registered_object
from edgesynth.tasks.images.stored import Stored
from edgesynth.tasks.own.checking import check_task
from edgesynth.tasks.task import Task


def register_task(task: Task) -> str:
    """A name by which `load_task` finds a task in this process; other data have another name.

    Raises:
        UserError: the task is not sound.
    """
    check_task(task, task.name)
    ways = (task.max_shift, task.flip, task.max_zoom, task.preprocessing)
    digest = hashlib.sha256(repr((type(task).__qualname__, list(task.labels), *ways, _judgment(task))).encode())
    for tensor in (*task.train, *task.validation, *task.load_test()):
        digest.update(tensor.identity() if isinstance(tensor, Stored) else tensor.contiguous().numpy().tobytes())
    return register_object(task.name, digest.hexdigest(), task)


def _judgment(task: Task) -> str:
    """Loss and metric of fixed outputs: they differ where the code of the task differs."""
    labels = task.validation.targets[:16]
    perfect = task.perfect_outputs(labels)
    answers = perfect + torch.randn(perfect.shape, generator=torch.Generator().manual_seed(0))
    return f"{task.loss(answers, labels).item():.3e}, {task.metric(answers, labels):.3e}"


def registered_task(name: str) -> Task:
    """The task that was registered under this name.

    Raises:
        UserError: it was registered in another process.
    """
    return registered_object(name, "package.module:task as the task")
