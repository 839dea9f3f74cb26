"""The data of a run: those that it was bred with, wherever they lie now."""

from __future__ import annotations

from pathlib import Path

from edgesynth.config import Config
from edgesynth.errors import UserError
from edgesynth.lineage.run_directory.run import Run
from edgesynth.tasks import Task, folder_of, load_task, placeless


def relocated(config: Config, data_root: Path | None) -> Config:
    """The same configuration with its data in another folder; itself where none is given."""
    if data_root is None:
        return config
    return config.model_copy(update={"task": placeless(config.task), "data_root": data_root})


def task_of(run: Run, data_root: Path | None = None, weighted: bool = False) -> Task:
    """The task of a run, with the data that it was bred with.

    Args:
        run: the run.
        data_root: where its data are now; where they were, if not given.
        weighted: with the loss of the run's `class_weights`, for a nurture.

    Raises:
        UserError: the data are not there or others, or the task cannot be built.
    """
    config = relocated(run.config, data_root)
    folder = folder_of(config.task, config.data_root)
    if data_root is None and folder is not None and not folder.exists():
        raise UserError(
            f"the data of {run.path} were in {folder}, which is not there, seen from {Path.cwd()}; say with "
            "--data-root where they are now"
        )
    task = load_task(config.task, config.data_root, config.image_size, config.class_weights if weighted else "none")
    run.check_task(task.to_json())
    return task
