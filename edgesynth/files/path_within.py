"""Paths that one file gives of another: only what lies in its own folder is opened, whoever wrote them.

An ONNX file names the files of its weights, a manifest those of its bundle, an order those that were sent. Such a file
may come from anywhere, so a name that leads out of the folder would read, send or overwrite any file of this machine.
"""

import os
import re

from edgesynth.errors import UserError


def path_within(folder: str, name: str, namer: str) -> str:
    """The path of a file that another file names; nothing is opened, and it need not be there.

    Args:
        folder: that it must lie in, or below.
        name: as it stands in the other file: relative, with slashes.
        namer: the other file, for the refusal.

    Returns:
        The path.

    Raises:
        UserError: the name is absolute, leads out of the folder or through a link, or can be no file's.
    """
    parts = [part for part in re.split(r"[/\\]", name) if part not in ("", ".")]
    if re.match(r"[/\\]|[A-Za-z]:", name):
        raise _refusal(namer, name, "an absolute path")
    if ".." in parts:
        raise _refusal(namer, name, "outside of its own folder")
    if not parts or not name.isprintable():
        raise _refusal(namer, name, "no name of a file")
    path = folder
    for part in parts:
        path = os.path.join(path, part)
        if os.path.islink(path):
            raise _refusal(namer, name, "a symbolic link, or behind one")
    return path


def _refusal(namer: str, name: str, why: str) -> UserError:
    shown = name if len(name) <= 80 else name[:77] + "..."
    return UserError(
        "{} names the file {!r}, which is {}: nothing but files in its own folder is opened or sent. If you trust it, "
        "put that file beside it and save it again with the plain name".format(namer, shown, why)
    )
