"""Files that are whole or absent: temporary file, fsync, rename; what a killed writer leaves is removed by the next."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgesynth.errors import UserError

LEFT_OVER = re.compile(r"\..+\.(\d+)\.tmp", re.DOTALL)
REST_S = 60


def temporary_path(path: Path) -> Path:
    """Where a file or folder is written before it is renamed: hidden, beside it, with the number of this process."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old one or the new one and nothing between.

    Raises:
        UserError: a folder stands in its place.
    """
    temporary = temporary_path(path)
    try:
        with open(temporary, "wb") as stream, held(temporary):
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except IsADirectoryError:
        temporary.unlink(missing_ok=True)
        raise UserError(
            f"{path} is a folder where a file belongs; move it aside and run the same command again"
        ) from None
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, data: Any) -> None:
    """Write JSON atomically, keys in the given order."""
    write_bytes(path, (json.dumps(data, indent=1) + "\n").encode())


@contextlib.contextmanager
def held(temporary: Path) -> Iterator[None]:
    """Mark a temporary file or folder as being written.

    A writer in another container has a number that means nothing here; the kernel's lock holds for it too.
    """
    handle = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: the number of the process must do
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def is_left_over(path: Path) -> bool:
    """Whether a path is a temporary one whose writer is gone."""
    match = LEFT_OVER.fullmatch(path.name)
    if match is None:
        return False
    try:
        # A writer needs a moment between making its file and holding it.
        gone = not _is_alive(int(match[1])) or time.time() - path.lstat().st_mtime > REST_S
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return not _is_alive(int(match[1]))
    finally:
        os.close(handle)
    return gone


def remove_left_overs(folder: Path) -> None:
    """Remove what killed writers have left in a folder; what cannot be removed stays."""
    with contextlib.suppress(OSError):
        for path in [path for path in folder.iterdir() if is_left_over(path)]:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
