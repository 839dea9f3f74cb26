"""Arrays of an .npz file that may come from anywhere: what it claims is looked at before any memory is asked for.

`numpy.load` believes an array's header: a file of a few megabytes can have it ask for as many gigabytes. Here the sizes
in the archive's directory, those in the arrays' headers and the file's own must fit each other first. Nothing is
unpickled.
"""

import os
import re
import struct
import zipfile
import zlib
from typing import IO, Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

# What is larger unpacked is refused if it is so many times larger than the file: pictures and numbers are not.
_SUSPECT_BYTES = 64 << 20
_MOST_TIMES = 100
MOST_BYTES = 16 << 30
_MOST_HEADER_BYTES = 4096
_PIECE_BYTES = 1 << 20
# As numpy writes it: numbers, booleans and texts, no objects and no records.
_HEADER = re.compile(
    r"\{'descr': '([<>|=]?[biufUS][0-9]{1,9})', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\),? ?\}\s*"
)
_DAMAGED = (
    ValueError,
    TypeError,
    OSError,
    EOFError,
    LookupError,
    AttributeError,
    OverflowError,
    RuntimeError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


class ArrayHeader(NamedTuple):
    """What an array of a file is, before it is read.

    Attributes:
        dtype: of its values.
        shape: of the array.
        fortran_order: how they lie in the file.
    """

    dtype: Any
    shape: Tuple[int, ...]
    fortran_order: bool

    @property
    def ndim(self) -> int:
        """Number of its axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all its values."""
        count = int(self.dtype.itemsize)
        for size in self.shape:
            count *= size
        return count


def array_headers(path: str, names: Sequence[str]) -> Dict[str, ArrayHeader]:
    """What arrays of a file are, without reading them.

    Args:
        path: the .npz file.
        names: of the arrays.

    Returns:
        {name: header}.

    Raises:
        ValueError: the file is damaged, lacks one of them, or claims more than it can hold.
    """
    try:
        with _opened(path) as archive:
            return _headers(path, archive, names)
    except _DAMAGED as error:
        raise ValueError(_why(error)) from None


def read_arrays(path: str, names: Sequence[str], most_bytes: int = MOST_BYTES) -> Dict[str, np.ndarray]:
    """Read arrays of a file; nothing in it is unpickled.

    Args:
        path: the .npz file.
        names: of the arrays.
        most_bytes: of all of them together.

    Returns:
        {name: array}.

    Raises:
        ValueError: the file is damaged, lacks one of them, or holds or claims more than it may.
    """
    try:
        with _opened(path) as archive:
            headers = _headers(path, archive, names)
            total = sum(header.nbytes for header in headers.values())
            if total > most_bytes:
                raise ValueError("it unpacks to {:,} bytes, and at most {:,} are read".format(total, most_bytes))
            return {name: _read(archive, name, header) for name, header in headers.items()}
    except _DAMAGED as error:
        raise ValueError(_why(error)) from None


def _why(error: BaseException) -> str:
    text = " ".join(str(error.args[0] if isinstance(error, KeyError) and error.args else error).split())
    return text if text.isprintable() and text else type(error).__name__


def _opened(path: str) -> zipfile.ZipFile:
    if not os.path.isfile(path):
        raise ValueError("it is no file")
    return zipfile.ZipFile(path)


def _headers(path: str, archive: zipfile.ZipFile, names: Sequence[str]) -> Dict[str, ArrayHeader]:
    entries = {name: _entry(archive, name) for name in names}
    unpacked = sum(entry.file_size for entry in entries.values())
    if unpacked > max(_SUSPECT_BYTES, _MOST_TIMES * os.path.getsize(path)):
        raise ValueError("{:,} bytes would unpack to {:,}, which no samples do".format(os.path.getsize(path), unpacked))
    headers = {}
    for name, entry in entries.items():
        with archive.open(entry) as stream:
            header, length = _header(stream)
        if length + header.nbytes != entry.file_size:
            raise ValueError(
                "{} claims the shape {} of {}, {:,} bytes, and the archive holds {:,}".format(
                    name, list(header.shape), header.dtype, header.nbytes, max(entry.file_size - length, 0)
                )
            )
        headers[name] = header
    return headers


def _entry(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    entries: List[zipfile.ZipInfo] = [entry for entry in archive.infolist() if entry.filename == name + ".npy"]
    if len(entries) != 1:
        raise ValueError("it has {} array {}".format("more than one" if entries else "no", name))
    if entries[0].flag_bits & 1 or entries[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("{} is packed in a way that numpy does not write".format(name))
    return entries[0]


def _header(stream: IO[bytes]) -> Tuple[ArrayHeader, int]:
    """An array's header, and its length in bytes with all that is before it."""
    begin = stream.read(8)
    if begin[:6] != b"\x93NUMPY" or begin[6:] not in (b"\x01\x00", b"\x02\x00"):
        raise ValueError("an array does not begin as numpy writes it")
    width = 2 if begin[6:7] == b"\x01" else 4
    (length,) = struct.unpack("<H" if width == 2 else "<I", stream.read(width))
    if length > _MOST_HEADER_BYTES:
        raise ValueError("an array's header has {:,} bytes".format(length))
    match = _HEADER.fullmatch(stream.read(length).decode("latin1"))
    if match is None:
        raise ValueError("an array's header is not of numbers or texts, or not as numpy writes it")
    shape = tuple(int(size[:20]) for size in match.group(3).replace(" ", "").split(",") if size)
    if len(shape) > 32:
        raise ValueError("an array has {} axes".format(len(shape)))
    return ArrayHeader(np.dtype(match.group(1)), shape, match.group(2) == "True"), 8 + width + length


def _read(archive: zipfile.ZipFile, name: str, header: ArrayHeader) -> np.ndarray:
    content = np.empty(header.nbytes, np.uint8)
    with archive.open(_entry(archive, name)) as stream:
        _header(stream)
        filled = 0
        while filled < len(content):
            piece = stream.read(min(_PIECE_BYTES, len(content) - filled))
            if not piece:
                raise ValueError("{} is cut off".format(name))
            content[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
            filled += len(piece)
    array: np.ndarray = np.ndarray(header.shape, header.dtype, content, order="F" if header.fortran_order else "C")
    if header.dtype.kind == "U":
        _check_characters(array, name)
    return array


def _check_characters(array: np.ndarray, name: str) -> None:
    """Refuse text with invalid characters (32 bits each)."""
    numbers = np.frombuffer(array.tobytes(), array.dtype.byteorder.replace("|", "=") + "u4")
    if ((numbers > 0x10FFFF) | ((numbers >= 0xD800) & (numbers < 0xE000))).any():
        raise ValueError("{} holds what is no text".format(name))
