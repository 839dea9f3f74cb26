"""Staging: a folder is filled under a hidden name and renamed at the end, so that it is complete or missing."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.lineage.storage.files import held, remove_left_overs, temporary_path


def check_free(folder: Path) -> None:
    """Refuse a place that a folder cannot be renamed to.

    Raises:
        UserError: it exists and is not an empty folder, or is one that cannot be replaced, or lies in something that is
            no folder.
    """
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"{folder} exists already; delete it, or give another folder with -o")
    if folder.is_dir() and (folder.is_symlink() or os.path.ismount(folder) or folder.samefile(Path.cwd())):
        raise UserError(
            f"{folder} is a link, a mounted volume or the folder that you are in, and cannot be replaced by a new one; "
            f"give a folder that is not there yet with -o, such as {folder / 'bundle'}"
        )
    nearest = next(parent for parent in folder.absolute().parents if os.path.lexists(parent))
    if not nearest.is_dir():
        raise UserError(f"{folder} cannot be made: {nearest} is not a folder; give another one with -o")


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A hidden folder beside `folder`, renamed to it at the end; after an error nothing is left of it.

    Yields:
        The hidden folder, to be filled.
    """
    folder = folder.absolute()
    made = [parent for parent in folder.parents if not parent.exists()]
    temporary = temporary_path(folder)
    try:
        temporary.mkdir(parents=True)
        remove_left_overs(folder.parent)
        with held(temporary):
            yield temporary
        os.rename(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        with contextlib.suppress(OSError):  # another process may have put something there meanwhile
            for parent in made:
                parent.rmdir()
        raise
