"""Files that were sent, kept under their sha256: what is there already is not sent again."""

import hashlib
import os
import re
from typing import Any, Callable, List, NamedTuple

from edgesynth.errors import UserError
from edgesynth.files.path_within import path_within

LIMIT_BYTES = 1 << 30
_PIECE_BYTES = 1 << 20


class Sent(NamedTuple):
    """A file to be sent.

    Attributes:
        name: where it goes, relative to the folder of what is measured, with slashes.
        sha256: of its content.
        size_bytes: of its content.
    """

    name: str
    sha256: str
    size_bytes: int


def files_of(order: Any) -> List[Sent]:
    """The files of an order, as they came.

    Raises:
        UserError: one of them is no such file.
    """
    files = []
    for entry in order:
        if not (isinstance(entry, list) and list(map(type, entry)) == [str, str, int] and entry[2] >= 0):
            raise UserError("the order lists {!r}, which is no file".format(entry))
        file = Sent(*entry)
        # The sum is the file's name in the store.
        if not re.fullmatch("[0-9a-f]{64}", file.sha256):
            raise UserError("the order lists {!r} with the sum {!r}, which is none".format(file.name, file.sha256))
        files.append(file)
    return files


class Store:
    """The kept files.

    Args:
        folder: where they lie; made if it is not there.
        limit_bytes: of all together, after `trim`.
    """

    def __init__(self, folder: str, limit_bytes: int = LIMIT_BYTES) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        os.makedirs(folder, exist_ok=True)

    def lacking(self, files: List[Sent]) -> List[Sent]:
        """Those that are not here, or not whole; each content once."""
        missing = {file.sha256: file for file in files if not self._is_whole(file)}
        return list(missing.values())

    def add(self, file: Sent, receive: Callable[[int], bytes], unfinished: str) -> bool:
        """Receive a file; it is here once it is whole.

        Args:
            file: what is to come.
            receive: gives as many bytes as it is asked for.
            unfinished: where it lies until then, on the same file system.

        Returns:
            Whether what came is what was promised.

        Raises:
            OSError: the disk is full, or nothing may be written.
        """
        digest = hashlib.sha256()
        with open(unfinished, "wb") as out:
            left = file.size_bytes
            while left:
                piece = receive(min(left, _PIECE_BYTES))
                digest.update(piece)
                out.write(piece)
                left -= len(piece)
        if digest.hexdigest() != file.sha256:
            return False
        os.replace(unfinished, self._path(file))
        return True

    def place(self, file: Sent, folder: str) -> None:
        """Put a file where it is measured: a second name of the same content.

        Raises:
            UserError: its name leads out of the folder.
        """
        path = path_within(folder, file.name, "the order")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.link(self._path(file), path)
        os.utime(path)

    def trim(self) -> None:
        """Forget what was used longest ago, until the rest is within the limit."""
        kept = [entry for entry in os.scandir(self.folder) if entry.is_file()]
        kept.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
        total = 0
        for entry in kept:
            total += entry.stat().st_size
            if total > self.limit_bytes:
                os.unlink(entry.path)

    def _path(self, file: Sent) -> str:
        return os.path.join(self.folder, file.sha256)

    def _is_whole(self, file: Sent) -> bool:
        try:
            with open(self._path(file), "rb") as kept:
                digest = hashlib.sha256()
                for piece in iter(lambda: kept.read(_PIECE_BYTES), b""):
                    digest.update(piece)
        except OSError:
            return False
        return digest.hexdigest() == file.sha256
