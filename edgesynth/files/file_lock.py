"""A lock on an open file that says who holds it.

The lock is the kernel's, so that it is gone with the process that holds it, however that ends; the file stays and holds
what its last holder wrote.
"""

import errno
import fcntl
import json
import os
import socket
import time
from typing import Any, Dict

_MOST_BYTES = 4096
_HELD = (errno.EWOULDBLOCK, errno.EACCES)


def lock(handle: int, shared: bool = False) -> bool:
    """Take the lock of an open file; False if another holds it.

    Raises:
        OSError: the file system has no locks.
    """
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _HELD:
            raise
        return False
    return True


def myself() -> Dict[str, Any]:
    """This process, as a holder: {"host": its name, "pid": its number, and whether in a container, "since": a time}."""
    where = " in a container" if os.path.exists("/.dockerenv") else ""
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return {"host": socket.gethostname(), "pid": "{}{}".format(os.getpid(), where), "since": since}


def holder(handle: int) -> Dict[str, Any]:
    """What the last holder wrote; empty if it cannot be read."""
    try:
        told = json.loads(os.pread(handle, _MOST_BYTES, 0).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) and {"pid", "since"} <= set(told) else {}


def write_holder(handle: int, facts: Dict[str, Any]) -> None:
    """Write who holds the file; nobody, if empty."""
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(facts).encode("utf-8") + b"\n", 0)
