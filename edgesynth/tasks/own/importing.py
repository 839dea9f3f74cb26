"""Tasks from a user's module: `package.module:callable`, which returns a `Task`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.importing import import_named, quoted
from edgesynth.tasks.datasets.folder import IMAGE_SIZE
from edgesynth.tasks.own.checking import check_task
from edgesynth.tasks.task import Task


def import_task(name: str, data_root: Path | None = None, image_size: int | None = None) -> Task:
    """Import a callable, call it, and return the task that it builds, checked.

    It is given `data_root` and `image_size` if it takes arguments of those names.

    Raises:
        UserError: there is no such module or name, it cannot be called so, it raises, or its task is not sound.
    """
    build = import_named(name, "mydata:task for task() in mydata.py", "for the task")
    if isinstance(build, Task):
        raise UserError(f"{name} is a task; give the function that builds one, so that importing it reads no data")
    if not callable(build):
        raise UserError(f"{name} is of type {type(build).__name__}; it must be a function that builds a task")
    parameters = _parameters(build)
    if data_root is not None and "data_root" not in parameters:
        raise UserError(f"--data-root is {data_root} and {name} takes no data_root; leave it out, or let it take one")
    if image_size not in (None, IMAGE_SIZE) and "image_size" not in parameters:
        raise UserError(
            f"--image-size is {image_size} and {name} takes no image_size; leave it out, or let it take one"
        )
    offered = {"data_root": data_root, "image_size": image_size}
    arguments = {key: value for key, value in offered.items() if key in parameters}
    try:
        task = build(**arguments)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"the task {name} raised {quoted(error)}") from error
    check_task(task, name)
    return task


def _parameters(build: Callable[..., object]) -> Collection[str]:
    """Names of its arguments."""
    try:
        return inspect.signature(build).parameters
    except (TypeError, ValueError):  # written in C, with no signature to read
        return ()
