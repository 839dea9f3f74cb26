"""The lock of a run: one `evolve` at a time writes into a run directory; reading needs no lock."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgesynth.errors import UserError
from edgesynth.files.file_lock import holder, lock, myself, write_holder

FILE = ".lock"


@contextlib.contextmanager
def alone_in(run: Path) -> Iterator[None]:
    """Hold the lock of a run directory, which is made if it is not there.

    A process that was killed on this host holds nothing any more. What one of another host has left says nothing of
    that process: not every shared file system passes locks on.

    Raises:
        UserError: another process holds it, or one of another host may.
    """
    run.mkdir(parents=True, exist_ok=True)
    path = run / FILE
    handle = _open(path, os.O_RDWR | os.O_CREAT)
    try:
        if not _lock(handle):
            raise UserError(_held(run, holder(handle)))
        told = holder(handle)
        if told and told.get("host") != socket.gethostname():
            raise UserError(
                f"{run} was left as being bred on another machine ({_words(told)}), and whether that process lives "
                f"cannot be seen from here; if it does not, delete {path} and run the same command again"
            )
        write_holder(handle, myself())
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                write_holder(handle, {})
    finally:
        os.close(handle)


def check_unheld(run: Path) -> None:
    """Refuse a run directory that is being written now.

    Raises:
        UserError: a process of this machine holds its lock.
    """
    told = _holder(run)
    if told is not None:
        raise UserError(_held(run, told))


def is_written_by_another(run: Path) -> bool:
    """Whether another process of this machine writes into a run directory now."""
    told = _holder(run)
    return told is not None and told.get("pid") != myself()["pid"]


def _holder(run: Path) -> dict[str, Any] | None:
    """The process that holds the lock of a run directory; None if it is free."""
    try:
        handle = _open(run / FILE, os.O_RDONLY)
    except (OSError, UserError):
        return None
    try:
        return None if _lock(handle, shared=True) else holder(handle)
    finally:
        os.close(handle)


def _open(path: Path, flags: int) -> int:
    try:
        handle = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except PermissionError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EROFS, errno.EDQUOT):
            raise
        raise UserError(
            f"{path} cannot be opened ({error.strerror}); it is the lock of the run: move aside what stands there"
        ) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UserError(f"{path} is no file; it is the lock of the run: move aside what stands there")
    return handle


def _lock(handle: int, shared: bool = False) -> bool:
    try:
        return lock(handle, shared)
    except OSError:  # a file system without locks: what the file says must do
        told = holder(handle)
        return not (told.get("host") == socket.gethostname() and _is_alive(told))


def _is_alive(told: dict[str, Any]) -> bool:
    try:
        os.kill(int(str(told["pid"]).split()[0]), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _held(run: Path, told: dict[str, Any]) -> str:
    return (
        f"{run} is being bred by another edgesynth evolve ({_words(told)}), and two at once would mix their offspring; "
        "wait until it ends, or stop it"
    )


def _words(told: dict[str, Any]) -> str:
    if not told:
        return "it does not say which process"
    return f"host {told.get('host', 'unknown')}, process {told['pid']}, since {told['since']}"
