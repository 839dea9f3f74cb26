"""Tasks: data, loss, metric and preprocessing. Adding one means adding a file and a line to `TASKS`."""

from __future__ import annotations

from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.tasks.classification import Classification, Split
from edgesynth.tasks.digits import digits
from edgesynth.tasks.mnist import mnist

TASKS = {"digits": digits, "mnist": mnist}

__all__ = ["TASKS", "Classification", "Split", "load_task"]


def load_task(name: str, data_root: Path | None = None) -> Classification:
    """Build a task by name.

    Raises:
        UserError: there is no task of that name, or its data are missing or damaged.
    """
    if name not in TASKS:
        raise UserError(f"there is no task {name!r}; the tasks are {', '.join(sorted(TASKS))}")
    return TASKS[name](data_root)
