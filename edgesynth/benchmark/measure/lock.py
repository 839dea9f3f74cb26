"""One measurement at a time on a machine: two at once would slow each other down.

The lock is the kernel's on an open file, so that it is gone with the process that holds it, however that ends. The file
lies in /run/lock, where any user may write and which a container can share with its host (`jetson/run.sh` mounts it);
it stays there and says who holds it.
"""

import contextlib
import os
import tempfile
from typing import Any, Dict, Iterator, List

from edgesynth.errors import UserError
from edgesynth.files.file_lock import holder, lock, myself, write_holder

NAME = "edgesynth-benchmark.lock"
PLACE = "EDGESYNTH_LOCK"


@contextlib.contextmanager
def alone_on_this_machine() -> Iterator[None]:
    """Hold the lock.

    Raises:
        UserError: another process holds it, or its file can be made nowhere.
    """
    handle = _open()
    try:
        if not lock(handle):
            raise UserError(
                "another edgesynth benchmark measures on this machine ({}), and two at once would measure each other; "
                "wait until it ends, or stop it".format(_words(holder(handle)))
            )
        write_holder(handle, myself())
        yield
        write_holder(handle, {})
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


def _words(told: Dict[str, Any]) -> str:
    return "pid {}, since {}".format(told["pid"], told["since"]) if told else "it does not say which process"
