"""The memory that a training would take, beside what is free here: what `edgesynth data check` tells."""

from __future__ import annotations

from typing import Any

import torch

from edgesynth.ancestors import build_ancestor, in_float32
from edgesynth.lineage import fitting_anatomy
from edgesynth.nurture.inference.collect_outputs import collected_bytes
from edgesynth.nurture.memory import training_memory
from edgesynth.tasks import Task
from edgesynth.tasks.images.free_memory import available_bytes
from edgesynth.tasks.survey.memory import held_bytes


def memory_needed(task: Task, ancestor: str | None, batch_size: int) -> dict[str, Any]:
    """What a training on a task takes.

    Args:
        task: the task.
        ancestor: the network whose training is measured; None for the images alone.
        batch_size: images a step, at most as many as there are to train on.

    Returns:
        Plain values: `bytes` of each part, `free_bytes`, `ancestor`, `batch_size`.

    Raises:
        UserError: the ancestor does not fit the task.
    """
    outputs = collected_bytes(len(task.validation.labels), task.answer_shape)
    bytes_of = {"images": held_bytes(task), "outputs": outputs}
    batch_size = min(batch_size, len(task.train.labels))
    if ancestor:
        network = build_ancestor(ancestor, len(task.labels))
        in_float32(ancestor, network, task.input_shape)
        fitting_anatomy(ancestor, network, torch.zeros(2, *task.input_shape), task)
        bytes_of.update(training_memory(network, task.input_shape, batch_size)._asdict())
    return {"bytes": bytes_of, "free_bytes": available_bytes(), "ancestor": ancestor, "batch_size": batch_size}
