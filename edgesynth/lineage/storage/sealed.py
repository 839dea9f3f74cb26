"""Sealed JSON: every file of facts in a run ends with the sha256 of its content, so that no change to it goes unseen.

A number that was changed by a fault of the disk, by half a copy or by hand is as plausible as the right one. The seal
keeps no secret: it finds accidents and careless edits, and what is read is checked against its schema all the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgesynth.files.json_file import SEAL, sealed, sum_of
from edgesynth.lineage.storage.files import write_json
from edgesynth.lineage.storage.reading import MOST_BYTES, DamagedError, read_file


def digest(data: Any) -> str:
    """sha256 of values that JSON can hold, as that of every other sealed document (see `json_file`)."""
    return sum_of(json.loads(json.dumps(data)))


def write_sealed(path: Path, data: dict[str, Any]) -> None:
    """Write JSON atomically, its seal last."""
    write_json(path, sealed(data))


def read_sealed(path: Path, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """The values that `write_sealed` wrote.

    Raises:
        DamagedError: the file is missing, no JSON object, or not as it was written.
        UserError: the system does not let it be read.
    """
    data = parse_object(path, read_file(path, most_bytes))
    seal = data.pop(SEAL, None)
    if seal is None:
        raise DamagedError(path, "it has no sha256 of its content")
    if seal != digest(data):
        raise DamagedError(path, "it was changed since it was written: its content has another sha256 than it says")
    return data


def parse_object(path: Path, content: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        DamagedError: the content is none.
    """
    try:
        data = json.loads(content.decode("utf-8"))
        if isinstance(data, dict):
            json.dumps(data)  # of a depth that can be read, and perhaps not written
    except RecursionError:
        raise DamagedError(path, "it is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise DamagedError(path, f"it is not UTF-8 from byte {error.start:,} on") from None
    except ValueError as error:
        raise DamagedError(path, f"it is no JSON ({error})") from None
    if not isinstance(data, dict):
        raise DamagedError(path, f"it holds a {type(data).__name__} and no JSON object")
    return data
