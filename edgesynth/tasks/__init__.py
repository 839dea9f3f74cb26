"""Tasks: data, loss, metric and preprocessing. Adding one means adding a file and a line to `TASKS`."""

from __future__ import annotations

from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.lent import is_lent
from edgesynth.tasks.classification import Classification, Split
from edgesynth.tasks.digits import digits
from edgesynth.tasks.given import given_task, lend_task
from edgesynth.tasks.imagefolder import imagefolder
from edgesynth.tasks.importing import import_task
from edgesynth.tasks.mnist import mnist

TASKS = {"digits": digits, "mnist": mnist}
SIZED = {"imagefolder": imagefolder}  # these cut their images to the size that is asked for

__all__ = ["TASKS", "Classification", "Split", "lend_task", "load_task"]


def load_task(name: str, data_root: Path | None = None, image_size: int = 64) -> Classification:
    """Build a task by name.

    Args:
        name: of a task that comes with edgesynth; or `package.module:callable`, which returns one; or what `lend_task`
            returned.
        data_root: folder of its data.
        image_size: side of its images, pixels, where that can be chosen.

    Raises:
        UserError: there is no task of that name, its data are missing or damaged, or a user's task is not sound.
    """
    if is_lent(name):
        return given_task(name)
    if ":" in name:
        return import_task(name, data_root, image_size)
    if name in SIZED:
        return SIZED[name](data_root, image_size)
    if name not in TASKS:
        known = ", ".join([*sorted(TASKS), *SIZED])
        raise UserError(
            f"there is no task {name!r}; the tasks are {known}, and package.module:callable for one of your own"
        )
    return TASKS[name](data_root)
