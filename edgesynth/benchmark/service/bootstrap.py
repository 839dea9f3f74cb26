"""The first code on the other machine: it receives the application and hands over to it.

It is given to that machine's Python as text, and any Python may be there: this file reads under Python 2 too, to say in
one line that it is too old. Hence types in comments.
"""

import importlib
import json
import os
import select
import shutil
import signal
import sys
import tempfile

OLDEST = (3, 6)
# What is ours follows this: a login shell's own words may come before it.
MARK = "edgesynth> "
SILENCE_S = 30.0


def say(**frame):
    # type: (**object) -> None
    """Send one line to the side that asked.

    Raises:
        EOFError: it does not listen any more.
    """
    content = (MARK + json.dumps(frame) + "\n").encode("ascii")
    try:
        while content:
            content = content[os.write(1, content) :]
    except OSError:
        raise EOFError


def receive(count):
    # type: (int) -> bytes
    """Read so many bytes of what the other side sends.

    Raises:
        EOFError: it went away, or fell silent.
    """
    parts = []
    while count:
        if not select.select([0], [], [], SILENCE_S)[0]:
            raise EOFError
        part = os.read(0, min(count, 1 << 16))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def cache():
    # type: () -> str
    """Our folder on this machine: in $XDG_CACHE_HOME, or in ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "edgesynth", "remote")


def cannot_write(error):
    # type: (OSError) -> None
    """Report that nothing more can be written on this machine."""
    what = "nothing more can be written in its {} ({}); make room there, or let it be written"
    say(error=what.format(cache(), error.strerror))


def start(size, sha256, entry):
    # type: (int, str, str) -> None
    """Receive the application and run it, in a folder that is gone afterwards.

    Args:
        size: of the application, in bytes.
        sha256: of the application.
        entry: module of the application whose `serve` takes over. It is imported by name, for it is not there before.
    """
    if sys.version_info < OLDEST:
        say(old="{}.{}.{}".format(*sys.version_info[:3]))
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    folder = None
    try:
        content = receive(size)
        try:
            folder, application = _unpack(content, sha256)
        except OSError as error:
            cannot_write(error)
            return
        sys.path[0] = application
        importlib.import_module(entry).serve(folder, application)
    except (EOFError, KeyboardInterrupt):
        pass  # whoever asked is gone: there is nobody to tell
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _unpack(content, sha256):
    # type: (bytes, str) -> tuple[str, str]
    if not os.path.isdir(cache()):
        os.makedirs(cache(), 0o700)
    folder = tempfile.mkdtemp(prefix="run-{}-".format(os.getpid()), dir=cache())
    try:
        application = os.path.join(folder, "edgesynth-{}.pyz".format(sha256[:12]))
        with open(application, "wb") as file:
            file.write(content)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder, application
