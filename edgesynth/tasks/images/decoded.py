"""Decoded pixels on disk: the next command reads them instead of decoding the images again.

They lie in one SQLite database in the user's cache, which several commands may use at once. A fault of the database
costs time and never changes pixels: a damaged row is decoded and written again; where the database cannot be used (a
full or read-only disk, a lock that is held), nothing is kept.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import sqlite3
import sys
import time
import zlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.files.user_cache import user_cache
from edgesynth.tasks.images import pixels

MOST_BYTES = 4 << 30
FREE_SHARE = 0.25  # of the disk's free space, which it takes at most
PENDING_BYTES, PENDING_S = 1 << 24, 5.0  # that wait to be written together, and for how long
WAIT_S = 5.0  # for another command that writes
# A file that is younger may be written once more within the clock's tick: its time would not show it.
YOUNG_S = 2.0
FORMAT = 1
VARIABLE = "EDGESYNTH_PIXELS_MIB"
TABLE = """
CREATE TABLE IF NOT EXISTS pixels (
    key BLOB PRIMARY KEY, day INTEGER, bytes INTEGER, shape TEXT, sum INTEGER, content BLOB
);
CREATE INDEX IF NOT EXISTS pixels_by_day ON pixels (day, bytes);
"""


class Entry(NamedTuple):
    """A row that is to be written."""

    key: bytes
    day: int
    size: int
    shape: str
    checksum: int
    content: bytes


def database() -> Path:
    """Path of the database: `edgesynth/pixels-1.sqlite` in $XDG_CACHE_HOME, or in ~/.cache."""
    return Path(user_cache(f"pixels-{FORMAT}.sqlite"))


def most_bytes() -> int:
    """Bytes of pixels that may be kept: as `EDGESYNTH_PIXELS_MIB` says, or 4 GiB.

    Raises:
        UserError: the variable is no number of at least 0.
    """
    given = os.environ.get(VARIABLE)
    if given is None:
        return MOST_BYTES
    if not given.isascii() or not given.isdigit() or len(given) > 9:
        raise UserError(f"{VARIABLE} is {given!r}; give MiB of decoded pixels to keep, 0 for none, or leave it out")
    return int(given) << 20


def pixels_of(file: str, read: Callable[[str], Tensor]) -> Tensor:
    """The pixels of an image file: from the database, unless the file has changed; else read and kept.

    Args:
        file: its path.
        read: file to pixels, uint8; only a function of a module, with plain arguments, is known again.

    Raises:
        UserError: what `read` raises, which is not kept; or see `most_bytes`.
    """
    reader, stat, bound = _signature(read), _stat(file), most_bytes()
    if reader is None or stat is None or not bound:
        return read(file)
    store = _store(str(database()), bound, os.getpid())
    key = hashlib.sha256(repr((reader, os.path.abspath(file), *stat)).encode()).digest()
    pixels_read = store.find(key)
    if pixels_read is None:
        pixels_read = read(file)
        settled = time.time() - stat[1] / 1e9 > YOUNG_S and _stat(file) == stat
        if settled and pixels_read.dtype == torch.uint8:
            store.keep(key, pixels_read)
    return pixels_read


def size_of(file: str | Path) -> tuple[int, int]:
    """(width, height) of an image file once it is turned upright, kept as its pixels are: a PNG is decoded for it.

    Raises:
        UnreadableError: the file is no image.
    """
    width, height = pixels_of(str(file), _size).view(torch.int32).tolist()
    return width, height


def _size(file: str) -> Tensor:
    return torch.tensor(pixels.size_of(file), dtype=torch.int32).view(torch.uint8)


class Store:
    """The database as one process uses it.

    Args:
        path: of its file; made if it is not there.
        bound: bytes of pixels that it may hold, whoever wrote them.
    """

    def __init__(self, path: Path, bound: int) -> None:
        self.path = path
        self.bound = bound
        self._connection: sqlite3.Connection | None = None
        self._usable = True
        self._pending: dict[bytes, Entry] = {}
        self._pending_bytes = 0
        self._flushed_s = time.monotonic()
        self._process = os.getpid()
        self._touched: list[tuple[int, bytes]] = []

    def find(self, key: bytes) -> Tensor | None:
        """What was kept under a key; None if nothing was, or it is damaged."""
        rows = self._run("SELECT day, shape, sum, content FROM pixels WHERE key = ?", key)
        for day, shape, checksum, content in rows:
            if day != _today():
                self._touched.append((_today(), key))
            return _tensor(shape, checksum, content)
        return None

    def keep(self, key: bytes, stack: Tensor) -> None:
        """Keep pixels, uint8, of any shape; they are written with others, at the latest when the process ends."""
        content = stack.contiguous().numpy().tobytes()
        shape = "x".join(map(str, stack.shape))
        self._pending[key] = Entry(key, _today(), len(content), shape, _sum(shape, content), content)
        self._pending_bytes += len(content)
        if self._pending_bytes > PENDING_BYTES or time.monotonic() > self._flushed_s + PENDING_S:
            self.flush()

    def flush(self) -> None:
        """Write the waiting rows as far as there is room; rows last used before today are deleted for them."""
        entries, self._pending, self._pending_bytes = list(self._pending.values()), {}, 0
        touched, self._touched = self._touched, []
        self._flushed_s = time.monotonic()
        if touched:
            self._run("UPDATE pixels SET day = ? WHERE key = ?", *touched, many=True)
        if entries and self._has_room(sum(entry.size for entry in entries)):
            self._run("INSERT OR REPLACE INTO pixels VALUES (?, ?, ?, ?, ?, ?)", *entries, many=True)

    def close(self) -> None:
        """Write the waiting rows and close the database; do nothing in a forked process."""
        if self._process != os.getpid():
            return
        self.flush()
        if self._connection is not None:
            self._connection.close()
        self._connection, self._usable = None, False

    def _has_room(self, needed: int) -> bool:
        """Whether so many bytes more fit, after rows not used today are deleted, the oldest first.

        Rows used today stay: a data set larger than the bound would otherwise delete its own images, one by one, and
        have none of them kept the next time.
        """
        while True:
            ((held,),) = self._run("SELECT TOTAL(bytes) FROM pixels") or [(0,)]
            if held + needed <= self.bound:
                return True
            oldest = "SELECT key FROM pixels WHERE day < ? ORDER BY day LIMIT 256"
            if not self._run(f"SELECT 1 FROM ({oldest})", _today()):
                return False
            self._run(f"DELETE FROM pixels WHERE key IN ({oldest})", _today())

    def _run(self, statement: str, *values: Any, many: bool = False) -> list[tuple[Any, ...]]:
        """Run a statement in its own transaction, with `many` once for each of the values; empty if it fails."""
        for _ in range(2):
            if not self._usable:
                break
            try:
                connection = self._open()
                with connection:
                    if many:
                        connection.executemany(statement, values)
                        return []
                    return connection.execute(statement, values).fetchall()
            except (sqlite3.OperationalError, OSError):  # locked, full, read-only
                self._usable = False
            except sqlite3.DatabaseError:  # damaged
                self._remove()
        return []

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(str(self.path), timeout=WAIT_S, check_same_thread=False)
            connection.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {TABLE}")
            free = shutil.disk_usage(self.path.parent).free
            self.bound = min(self.bound, self.path.stat().st_size + int(FREE_SHARE * free))
            self._connection = connection
        return self._connection

    def _remove(self) -> None:
        """Delete a damaged database, so that a new one is begun."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


@cache
def _store(path: str, bound: int, process: int) -> Store:
    """The store of a process. A connection must not be used after a fork, so each process has its own."""
    store = Store(Path(path), bound)
    atexit.register(store.close)
    return store


def _signature(read: Callable[[str], Tensor]) -> str | None:
    """The key of a reader: its name, arguments and code; None for a reader that these do not identify."""
    function, given = (
        (read.func, dict(enumerate(read.args)) | read.keywords) if isinstance(read, partial) else (read, {})
    )
    name, module = getattr(function, "__qualname__", "<"), getattr(function, "__module__", "")
    if "<" in name or not all(isinstance(value, str | int | float) for value in given.values()):
        return None
    return repr((module, name, given, _code(module)))


@cache
def _code(module: str) -> str:
    """Digest of the decoding code and of Pillow's version: another release may give other pixels."""
    import PIL

    files = [getattr(sys.modules.get(name), "__file__", None) for name in (module, pixels.__name__)]
    sources = [Path(file).read_bytes() for file in files if file]
    return hashlib.sha256(b"".join([PIL.__version__.encode(), *sources])).hexdigest()


def _stat(file: str) -> tuple[int, int, int] | None:
    """Size and times of a file; None where it is not there: whoever reads it says so."""
    try:
        stat = os.stat(file)
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _tensor(shape: Any, checksum: Any, content: Any) -> Tensor | None:
    """The pixels of a row; None where it is damaged."""
    try:
        if not content or _sum(shape, content) != checksum:
            return None
        sizes = [int(size) for size in shape.split("x")]
        return torch.frombuffer(bytearray(content), dtype=torch.uint8).reshape(sizes)
    except (AttributeError, TypeError):  # another kind of value
        return None


def _sum(shape: str, content: bytes) -> int:
    return zlib.crc32(content, zlib.crc32(shape.encode()))


def _today() -> int:
    return int(time.time() // 86400)
