"""Predictions: what the ancestor and the best individual answer to a few test images, kept to be looked at."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgesynth.lineage.storage.files import write_bytes
from edgesynth.lineage.storage.reading import DamagedError, read_file

FILE = "predictions.npz"
MOST_BYTES = 1 << 30  # a few images and the answers to them
_ARRAYS = ("images", "labels", "ancestor", "offspring")


@dataclass(frozen=True)
class Predictions:
    """Answers of two individuals to the same images.

    Attributes:
        individuals: names of the ancestor and the offspring.
        form: what the answers are; see `Task.decoding`.
        images: (K, H, W, C) uint8, as they were before they were normalized.
        labels: (K, ...), as the task has them.
        ancestor: (K, ...) float32, outputs of the ancestor.
        offspring: the offspring's.
        decoding: how they are to be read.
    """

    individuals: tuple[str, str]
    form: str
    images: np.ndarray
    labels: np.ndarray
    ancestor: np.ndarray
    offspring: np.ndarray
    decoding: dict[str, Any] = field(default_factory=dict)

    def write(self, run: Path) -> None:
        """Keep them in a run directory."""
        members = {
            "individuals": np.array(self.individuals),
            "form": np.array(self.form),
            "decoding": np.array(json.dumps(self.decoding)),
            **{name: getattr(self, name) for name in _ARRAYS},
        }
        stream = io.BytesIO()
        np.savez_compressed(stream, sha256=np.array(_digest(members)), **members)
        write_bytes(run / FILE, stream.getvalue())

    @classmethod
    def read(cls, path: Path) -> Predictions:
        """Those of a file.

        Raises:
            DamagedError: it is missing, or not as it was written.
            UserError: the system does not let it be read.
        """
        content = read_file(path, MOST_BYTES)
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > MOST_BYTES:
                raise ValueError(f"it would unpack to {unpacked:,} bytes, and has at most {MOST_BYTES:,}")
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                members = {name: arrays[name] for name in arrays.files}
            sha256 = str(members.pop("sha256"))
            first, second = (str(name) for name in members["individuals"])
            images, labels, ancestor, offspring = (members[name] for name in _ARRAYS)
            form, decoding = str(members["form"]), json.loads(str(members["decoding"]))
        except Exception as error:  # numpy and zipfile raise a dozen kinds for a damaged archive
            raise DamagedError(path, f"{type(error).__name__}: {error}") from None
        if sha256 != _digest(members):
            raise DamagedError(path, "it was changed since it was written: its content has another sha256 than it says")
        return cls((first, second), form, images, labels, ancestor, offspring, decoding)


def _digest(members: dict[str, np.ndarray]) -> str:
    total = hashlib.sha256()
    for name in sorted(members):
        array = members[name]
        total.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()
