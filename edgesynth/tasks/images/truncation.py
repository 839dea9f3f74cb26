"""Whether an image file is complete, by its last bytes where its format defines them.

Decoding shows the same for any file and takes a hundred times as long.
"""

from __future__ import annotations

import os

from edgesynth.tasks.images.pixels import rgb, size_of

ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89P": b"IEND"}  # of JPEG and PNG, by their first bytes
LAST = 64  # bytes in which the end has to be


def check_not_truncated(file: str) -> None:
    """Read the head and the end of a file; all of it where these leave doubts.

    Raises:
        UnreadableError: it cannot be read as an image, or is cut short.
    """
    size_of(file)
    with open(file, "rb") as stream:
        end = ENDS.get(stream.read(2))
        stream.seek(max(0, os.path.getsize(file) - LAST))
        last = stream.read()
    if end is None or end not in last:
        rgb(file)  # another format, or something is appended to it
