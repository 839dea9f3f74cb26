"""The application that is sent: what a board runs, in one zip file that Python runs, with the same bytes always.

The standard library's `zipapp` puts each file's time of change into the archive: its bytes differ from clone to clone.
"""

import base64
import hashlib
import io
import os
import pkgutil
import zipfile
from typing import Iterator, Tuple

import edgesynth
from edgesynth.benchmark.service import serving

_FILES = ("__init__.py", "children.py", "defaults.py", "errors.py", "printable.py", "text_table.py")
_FOLDERS = ("benchmark", "boards", "files", "metrics")
_MAIN = b"from edgesynth.benchmark.service.worker import main\n\nmain()\n"


def application() -> bytes:
    """The zip file; `python3 FILE` runs `worker.main`."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in [("__main__.py", _MAIN)] + sorted(_sources()):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            file.writestr(entry, content)
    return archive.getvalue()


def bootstrap_of(content: bytes) -> str:
    """Python code, in one line and without a quote that any shell could mistake, that receives and runs an application.

    Args:
        content: the application, which is to be sent to the code's standard input.
    """
    text = pkgutil.get_data("edgesynth.benchmark.service", "bootstrap.py")
    assert text is not None
    call = "\nstart({}, '{}', '{}')\n".format(len(content), hashlib.sha256(content).hexdigest(), serving.__name__)
    return "import base64;exec(base64.b64decode('{}'))".format(base64.b64encode(text + call.encode()).decode())


def _sources() -> Iterator[Tuple[str, bytes]]:
    """Name in the archive and content of each file."""
    package = os.path.dirname(os.path.abspath(edgesynth.__file__))
    for part in _FILES + _FOLDERS:
        start = os.path.join(package, part)
        paths = [os.path.join(folder, name) for folder, _, names in os.walk(start) for name in names] or [start]
        for path in paths:
            if not path.endswith(".pyc"):
                with open(path, "rb") as file:
                    yield os.path.relpath(path, os.path.dirname(package)).replace(os.sep, "/"), file.read()
