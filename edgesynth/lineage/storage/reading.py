"""Reading a file of a run: a regular file of a bounded size, and one clear line where it is something else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from edgesynth.errors import UserError

MOST_BYTES = 1 << 24  # of a JSON or TOML file; the largest that are written have a few hundred thousand


class DamagedError(UserError):
    """A file is not as it was written: missing, of another kind, cut short, changed, or of other content.

    That it cannot be read for another reason, such as its permissions, is a `UserError` alone.

    Attributes:
        path: the file.
        why: what is wrong with it.
    """

    def __init__(self, path: Path, why: str, advice: str = "") -> None:
        super().__init__(f"{path} is damaged: {why}{'; ' + advice if advice else ''}")
        self.path = path
        self.why = why


def read_file(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """All bytes of a file.

    Raises:
        DamagedError: it is missing, is no file, or has more than `most_bytes`.
        UserError: the system does not let it be read.
    """
    try:
        # A FIFO would be waited for without O_NONBLOCK.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise DamagedError(path, "it is missing") from None
    except OSError as error:
        raise unreadable(path, error) from None
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        os.close(handle)
        raise DamagedError(path, f"it is {_kind(facts.st_mode)} and no file")
    with open(handle, "rb", buffering=0) as stream:
        if facts.st_size > most_bytes:
            raise DamagedError(path, f"it has {facts.st_size:,} bytes, and such a file has at most {most_bytes:,}")
        try:
            return stream.readall()
        except OSError as error:
            raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> UserError:
    """What is said of a file that may be in order and cannot be read."""
    return UserError(
        f"{path} cannot be read: {error.strerror}. Nothing says that it is damaged: make it readable and run the same "
        "command again"
    )


def exists(path: Path) -> bool:
    """Whether anything stands at a path, be it a file or not.

    Raises:
        OSError: the system does not say.
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _kind(mode: int) -> str:
    for is_kind, word in ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket")):
        if is_kind(mode):
            return word
    return "a device"
