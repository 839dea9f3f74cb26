"""The folder of a task's data, as the user gave it, and the default size of its images."""

from __future__ import annotations

from pathlib import Path

from edgesynth.errors import UserError

IMAGE_SIZE = 64  # side where no other is given, pixels


def folder_of(task: str, data_root: Path | None, layout: str) -> Path:
    """The folder of a task's data.

    Args:
        task: its name.
        data_root: what was given.
        layout: what the folder should hold, for messages.

    Raises:
        UserError: no folder was given, or it is none.
    """
    if data_root is None:
        raise UserError(f"the task {task} needs its folder, as in --task {task}:DIR: {layout}")
    if not data_root.is_dir():
        seen = "" if data_root.is_absolute() else f" in {Path.cwd()}"
        raise UserError(f"--task {task}:{data_root} names no folder{seen}; give {layout}")
    return data_root
