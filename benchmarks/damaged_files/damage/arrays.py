"""Damage to files of arrays: .npz, .safetensors, .pth."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.damaged_files.damage.mutation import Mutation
from benchmarks.damaged_files.damage.text import change_tree

BOMB_BYTES = 3 << 29  # of one array, unpacked


def _arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _npz_array(path: Path, draws: random.Random) -> None:
    arrays = _arrays(path)
    name = draws.choice(sorted(arrays))
    array = arrays[name]
    change = draws.randrange(14)
    if change == 0 and array.dtype.kind == "U":
        arrays[name] = array.astype(draws.choice(["S8", "U1", "U99"]))
    elif change == 0:
        arrays[name] = array.astype(draws.choice(["f2", "f8", "i1", "i8", "U8", "c8", "?", ">f4"]), casting="unsafe")
    elif change == 1:
        arrays[name] = array.reshape(-1)
    elif change == 2:
        arrays[name] = array[:-1] if array.ndim else array
    elif change == 3:
        arrays[name] = array[None]
    elif change == 4:
        del arrays[name]
    elif change == 5:
        arrays[draws.choice(["x", "../x", "/etc/x", "é"])] = arrays.pop(name)
    elif change == 6:
        arrays[name] = np.zeros((0, *array.shape[1:]), array.dtype)
    elif change == 7 and array.dtype.kind == "f":
        arrays[name] = np.full_like(array, draws.choice([np.nan, np.inf, 3e38, 0, -1]))
    elif change == 8 and array.dtype.kind in "iu":
        limits = np.iinfo(array.dtype)
        arrays[name] = np.full_like(array, draws.choice([limits.min, limits.max, 9]))
    elif change == 9:
        arrays[name] = np.array(None, dtype=object)
    elif change == 10:
        arrays[name] = np.array(draws.choice([0, "text", True, 1e30, b"\xff"]))
    elif change == 11 and array.ndim > 1:
        arrays[name] = np.moveaxis(array, 0, -1)
    elif change == 12 and array.size:
        changed = array.copy().reshape(-1)
        changed[draws.randrange(changed.size)] = changed[draws.randrange(changed.size)]
        arrays[name] = changed.reshape(array.shape)
    else:
        arrays[name] = np.concatenate([array, array]) if array.ndim else array
    with open(path, "wb") as file:
        draws.choice([np.savez, np.savez_compressed])(file, **arrays)


def _entries(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _write_entries(path: Path, entries: list[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)


def _npz_header(path: Path, draws: random.Random) -> None:
    """An array's header that claims another shape or type than its bytes have."""
    entries = _entries(path)
    name = draws.choice(sorted(entries))
    header = draws.choice(
        [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 3), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }" % ("1," * 70),
            "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
            "{'descr': '<U1000000000', 'fortran_order': False, 'shape': (1,), }",
            "{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': False, 'shape': (2,), }",
            "{'descr': '<f4', 'fortran_order': 1, 'shape': 3, }",
            "{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (3,), }",
            "__import__('os').system('touch /tmp/owned')",
            "(" * 5000,
            "",
        ]
    )
    text = header.encode() + b"\n"
    version, form = draws.choice([(b"\x01\x00", "<H"), (b"\x02\x00", "<I"), (b"\x03\x00", "<I"), (b"\x09\x00", "<I")])
    body = entries[name][draws.choice([80, 128]) :]
    entries[name] = b"\x93NUMPY" + version + struct.pack(form, min(len(text), 60000)) + text + body
    _write_entries(path, list(entries.items()))


def _npz_entries(path: Path, draws: random.Random) -> None:
    entries = list(_entries(path).items())
    name, content = draws.choice(entries)
    change = draws.randrange(6)
    if change == 0:
        entries.append((name, content[:-1]))
    elif change == 1:
        entries.append((draws.choice(["../../x.npy", "/etc/x.npy", "x\x00.npy", "x", "a" * 60000]), content))
    elif change == 2:
        entries += [(f"x{number}.npy", b"") for number in range(5000)]
    elif change == 3:
        entries = [(key, value[: len(value) // 2] if key == name else value) for key, value in entries]
    elif change == 4:
        entries = [(key, b"x" if key == name else value) for key, value in entries]
    else:
        entries = []
    _write_entries(path, entries)


def _npz_bomb(path: Path, draws: random.Random) -> None:
    """An array of zeros that is a thousand times smaller in the file; the directory tells its size, or a small one."""
    entries = _entries(path)
    name = draws.choice(sorted(entries))
    shape = np.lib.format.read_array_header_1_0(io.BytesIO(entries[name][8:]))[0] or (1,)
    rows = max(1, BOMB_BYTES // 4 // max(int(np.prod(shape[1:])), 1))
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": (rows, *shape[1:])})
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    begin = packer.compress(head.getvalue()) + packer.flush(zlib.Z_FULL_FLUSH)
    million = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = begin + million * (BOMB_BYTES >> 20) + packer.flush()
    size = len(head.getvalue()) + BOMB_BYTES if draws.random() < 0.7 else 4096
    content, central = b"", b""
    for key, entry in entries.items():
        own = entry if key != name else packed
        method, told, crc = (0, len(entry), zlib.crc32(entry)) if key != name else (8, size, 0)
        facts = struct.pack("<5H3L2H", 20, 0, method, 0, 33, crc, len(own), told, len(key), 0)
        central += b"PK\1\2\x14\0" + facts + bytes(10) + struct.pack("<L", len(content)) + key.encode()
        content += b"PK\3\4" + facts + key.encode() + own
    end = b"PK\5\6" + struct.pack("<4H2LH", 0, 0, len(entries), len(entries), len(central), len(content), 0)
    path.write_bytes(content + central + end)


# Weights.


def _safetensors_header(path: Path, draws: random.Random) -> None:
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header, body = json.loads(content[8 : 8 + length]), content[8 + length :]
    if draws.random() < 0.2:
        wrong = draws.choice([0, 1, length - 1, length + 9, 2**40, 2**63])
        path.write_bytes(struct.pack("<Q", wrong) + content[8:])
        return
    change_tree(header, draws)
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def _changed_tensors(tensors: dict[str, Any], draws: random.Random) -> dict[str, Any]:
    import torch

    name = draws.choice(sorted(tensors))
    tensor = tensors[name]
    change = draws.randrange(10)
    if change == 0:
        tensors[name] = tensor[:-1].clone() if tensor.ndim else tensor
    elif change == 1:
        tensors[name] = tensor.reshape(-1).clone()
    elif change == 2:
        tensors[name] = tensor.to(draws.choice([torch.float16, torch.int64, torch.bool, torch.float64, torch.bfloat16]))
    elif change == 3:
        tensors[name] = torch.full_like(tensor, draws.choice([float("nan"), float("inf"), 3e38, 0.0]))
    elif change == 4:
        del tensors[name]
    elif change == 5:
        tensors[draws.choice(["x", "", "é", "[/x]", "a.b.c"])] = tensors.pop(name)
    elif change == 6:
        tensors["extra"] = torch.zeros(3)
    elif change == 7:
        tensors[name] = torch.zeros((0, *tensor.shape[1:]))
    elif change == 8:
        tensors[name] = tensor * 1.01
    else:
        tensors[name] = tensor[None].clone()
    return tensors


def _safetensors_tensor(path: Path, draws: random.Random) -> None:
    import safetensors.torch

    tensors = _changed_tensors(safetensors.torch.load(path.read_bytes()), draws)
    path.write_bytes(safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()}))


class _Owned:
    """What an unpickler would call if it were let to."""

    def __reduce__(self) -> Any:
        return os.system, ("touch owned",)


def _pth(path: Path, draws: random.Random) -> None:
    import torch

    tensors = torch.load(path, weights_only=True)
    change = draws.randrange(9)
    content: Any = tensors
    if change == 0:
        content = _Owned()
    elif change == 1:
        content = draws.choice([[], {}, "text", 3, None, [tensors], {1: tensors}, torch.zeros(3)])
    elif change == 2:
        content = {**tensors, "more": draws.choice([3, "text", {}, _Owned()])}
    elif change == 3:
        content = {"model": _changed_tensors(tensors, draws)}
    elif change == 4:
        content = {"state_dict": {"module": tensors}}
    elif change == 5:
        deep: Any = tensors
        for _ in range(400):
            deep = [deep]
        content = deep
    elif change == 6:
        path.write_bytes(pickle.dumps({"a": np.zeros(3)}, protocol=draws.choice([2, 4])))
        return
    else:
        content = _changed_tensors(tensors, draws)
    torch.save(content, path, _use_new_zipfile_serialization=draws.random() < 0.7)


NPZ: dict[str, Mutation] = {
    "array changed": _npz_array,
    "array's header": _npz_header,
    "entries of the archive": _npz_entries,
    "zip bomb": _npz_bomb,
}
SAFETENSORS: dict[str, Mutation] = {
    "header changed": _safetensors_header,
    "tensor changed": _safetensors_tensor,
}
PTH: dict[str, Mutation] = {
    "pickle": _pth,
}
