"""The IDX format of MNIST's files, plain or gzipped."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from edgesynth.errors import UserError

UNSIGNED_BYTE = 0x08


def find_idx(folder: Path, name: str) -> Path:
    """Path of an IDX file or of its `.gz` in a folder.

    Raises:
        UserError: neither is there.
    """
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise UserError(
        f"{folder} has no {name} and no {name}.gz; give --data-root the folder above MNIST/raw, "
        "the layout that torchvision.datasets.MNIST(root) makes"
    )


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of unsigned bytes into an array of the shape in its header.

    Raises:
        UserError: the file is not IDX of unsigned bytes, is damaged or is shorter or longer than its header says.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path} is damaged or cut short ({error}); fetch the file again") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != UNSIGNED_BYTE:
        raise UserError(
            f"{path} is not an IDX file of unsigned bytes (it starts with {data[:4].hex() or 'nothing'}); "
            "fetch it again"
        )
    rank = data[3]
    header = 4 + 4 * rank
    if len(data) < header:
        raise UserError(f"{path} is cut short within its header ({len(data)} of {header} bytes); fetch the file again")
    shape = struct.unpack(f">{rank}I", data[4:header])
    expected = header + math.prod(shape)
    if len(data) != expected:
        raise UserError(f"{path} has {len(data)} bytes and its header promises {expected}; fetch the file again")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
