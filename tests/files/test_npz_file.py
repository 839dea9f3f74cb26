"""Arrays from outside: what a file claims is held against what it has before memory is asked for."""

import io
import os
import resource
import struct
import zipfile
import zlib

import numpy as np
import pytest

from edgesynth.files.npz_file import array_headers, read_arrays

ARRAYS = {
    "floats": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "turned": np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
    "texts": np.array(["é", "Conv /a", ""]),
    "empty": np.zeros((0, 3), np.float64),
    "scalar": np.array(7, np.uint8),
    "flags": np.array([True, False]),
    "swapped": np.arange(3, dtype=">i4"),
}


def npy(header, body=b"", version=b"\x01\x00"):
    form = "<H" if version == b"\x01\x00" else "<I"
    return b"\x93NUMPY" + version + struct.pack(form, len(header)) + header.encode() + body


def claim(descr, shape):
    return f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n"


def write(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return str(path)


def bomb(path, told_bytes=None):
    """A zip of an array of a gigabyte of zeros that fits its header; the directory tells its size, or another one."""
    stream = io.BytesIO()
    shape = (1 << 20, 256)
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    begin = packer.compress(stream.getvalue()) + packer.flush(zlib.Z_FULL_FLUSH)
    million = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)  # the same as often as it is repeated
    packed = begin + million * 1024 + packer.flush()
    size = len(stream.getvalue()) + (1 << 30) if told_bytes is None else told_bytes
    # Right for as much as is told: a reader that stops there finds nothing wrong.
    crc = zlib.crc32(stream.getvalue() + bytes(size - len(stream.getvalue()))) if told_bytes else 0
    name = b"images.npy"
    facts = struct.pack("<5H3L2H", 20, 0, 8, 0, 33, crc, len(packed), size, len(name), 0)
    local = b"PK\3\4" + facts + name + packed
    central = b"PK\1\2\x14\0" + facts + bytes(14) + name
    end = b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 1, 1, len(central), len(local), 0)
    path.write_bytes(local + central + end)
    return str(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_wrote_is_read_as_numpy_reads_it(tmp_path, save):
    save(tmp_path / "a.npz", **ARRAYS)
    arrays = read_arrays(str(tmp_path / "a.npz"), list(ARRAYS))
    for name, expected in ARRAYS.items():
        assert arrays[name].dtype == expected.dtype and arrays[name].shape == expected.shape
        assert arrays[name].tolist() == expected.tolist()
    headers = array_headers(str(tmp_path / "a.npz"), ["floats", "scalar"])
    assert (headers["floats"].shape, headers["floats"].ndim, headers["floats"].nbytes) == ((2, 3, 4), 3, 96)
    assert (headers["scalar"].shape, headers["scalar"].dtype) == ((), np.uint8)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (npy(claim("<f4", "(1000000000000,)"), bytes(64)), "claims the shape [1000000000000] of float32"),
        (npy(claim("<f4", "(99999999999999999999, 99999999999999999999)"), bytes(64)), "claims the shape"),
        (npy(claim("<U100000000", "(1,)"), bytes(64)), "claims the shape [1] of <U100000000"),
        (npy(claim("<f4", "(3,)"), bytes(64)), "12 bytes, and the archive holds 64"),
        (npy(claim("|O", "(3,)"), bytes(64)), "not of numbers or texts"),
        (npy(claim([("a", "<f4"), ("b", "|O")], "(3,)"), bytes(64)), "not of numbers or texts"),
        (npy(claim("<f4", "(-1,)"), bytes(64)), "not of numbers or texts"),
        (npy("__import__('os').abort()"), "not of numbers or texts"),
        (npy("(" * 4000), "not of numbers or texts"),
        (npy("x" * 5000), "an array's header has 5,000 bytes"),
        (npy(claim("<f4", "(" + "1," * 40 + ")"), bytes(4)), "an array has 40 axes"),
        (npy(claim("<f4", "(3,)"), bytes(12), b"\x09\x00"), "does not begin as numpy writes it"),
        (npy(claim("<U1", "(1,)"), b"\x00\xd8\x00\x00"), "holds what is no text"),
        (b"", "does not begin as numpy writes it"),
    ],
)
def test_an_array_that_claims_what_it_has_not_is_refused(tmp_path, content, why):
    path = write(tmp_path / "a.npz", [("images.npy", content)])
    with pytest.raises(ValueError) as error:
        read_arrays(path, ["images"])
    assert why in str(error.value)


def test_a_zip_bomb_is_refused_by_its_headers(tmp_path):
    path = bomb(tmp_path / "a.npz")
    assert os.path.getsize(path) < 2 << 20
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in (array_headers, read_arrays):
        with pytest.raises(ValueError, match=r"bytes would unpack to 1,073,741,\d{3}, which no samples do"):
            read(path, ["images"])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 100_000


def test_a_zip_bomb_whose_directory_lies_is_refused_as_well(tmp_path):
    path = bomb(tmp_path / "a.npz", told_bytes=4096)
    with pytest.raises(ValueError, match=r"images claims the shape \[1048576, 256\] of float32, 1,073,741,824 bytes"):
        read_arrays(path, ["images"])


def test_more_than_is_asked_for_is_not_read(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros(1000, np.float32))
    with pytest.raises(ValueError, match="it unpacks to 4,000 bytes, and at most 3,999 are read"):
        read_arrays(str(tmp_path / "a.npz"), ["images"], most_bytes=3999)
    assert read_arrays(str(tmp_path / "a.npz"), ["images"], most_bytes=4000)["images"].shape == (1000,)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_damaged_says_how(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.arange(1000, dtype=np.float32))
    whole = (tmp_path / "a.npz").read_bytes()
    for place in (500, len(whole) - 30):  # in the array, in the directory
        changed = bytearray(whole)
        changed[place] ^= 0x10
        (tmp_path / "b.npz").write_bytes(bytes(changed))
        with pytest.raises(ValueError, match=r"CRC|zip|no array"):
            read_arrays(str(tmp_path / "b.npz"), ["images"])
    (tmp_path / "b.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="not a zip file"):
        read_arrays(str(tmp_path / "b.npz"), ["images"])
    with pytest.raises(ValueError, match="it has no array labels"):
        read_arrays(str(tmp_path / "a.npz"), ["images", "labels"])
    twice = write(tmp_path / "c.npz", [("images.npy", npy(claim("|u1", "(0,)")))] * 2)
    with pytest.raises(ValueError, match="it has more than one array images"):
        read_arrays(twice, ["images"])
    os.mkfifo(tmp_path / "d.npz")
    with pytest.raises(ValueError, match="it is no file"):
        read_arrays(str(tmp_path / "d.npz"), ["images"])
