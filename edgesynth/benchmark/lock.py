"""One measurement at a time on a machine: two at once would measure each other.

The lock is the kernel's on an open file, so that it is gone with the process that holds it, however that ends. The file
lies in /run/lock, where any user may write and which a container can share with its host (`jetson/run.sh` mounts it);
it stays there and says who holds it.
"""

import contextlib
import errno
import fcntl
import json
import os
import tempfile
import time
from typing import Any, Dict, Iterator, List

from edgesynth.errors import UserError

NAME = "edgesynth-benchmark.lock"
PLACE = "EDGESYNTH_LOCK"
_MOST_BYTES = 4096


@contextlib.contextmanager
def alone_on_this_machine() -> Iterator[None]:
    """Hold the lock.

    Raises:
        UserError: another process holds it, or its file can be made nowhere.
    """
    handle = _open()
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise UserError(
                "another edgesynth benchmark measures on this machine ({}), and two at once would measure each other; "
                "wait until it ends, or stop it".format(_holder(handle))
            ) from None
        where = " in a container" if os.path.exists("/.dockerenv") else ""
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        _write(handle, {"pid": "{}{}".format(os.getpid(), where), "since": since})
        yield
        _write(handle, {})
    finally:
        os.close(handle)


def _open() -> int:
    refusals = []
    for path in _places():
        try:
            return _open_at(path)
        except OSError as error:
            refusals.append("{}: {}".format(path, error.strerror))
    raise UserError(
        "the lock against two measurements at once can be made nowhere ({}); set {} to a file that can be "
        "written".format("; ".join(refusals), PLACE)
    )


def _places() -> List[str]:
    given = os.environ.get(PLACE)
    return [given] if given else [os.path.join(folder, NAME) for folder in ("/run/lock", tempfile.gettempdir())]


def _open_at(path: str) -> int:
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        # Without O_CREAT: the kernel may refuse that on the file of another user in a folder where anybody may write.
        return os.open(path, flags)
    except FileNotFoundError:
        pass
    try:
        handle = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return os.open(path, flags)
    os.fchmod(handle, 0o666)  # whatever the umask: the next user must be able to take it
    return handle


def _holder(handle: int) -> str:
    try:
        told = json.loads(os.pread(handle, _MOST_BYTES, 0).decode("utf-8"))
        return "pid {}, since {}".format(told["pid"], told["since"])
    except (OSError, ValueError, LookupError, TypeError):
        return "it does not say which process"


def _write(handle: int, what: Dict[str, Any]) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(what).encode("utf-8") + b"\n", 0)
