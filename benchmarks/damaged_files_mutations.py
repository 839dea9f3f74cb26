"""Mutations of files: each takes a file's bytes and a source of random draws, and gives other bytes or a stand-in.

`kinds_of(path)` lists those that fit a file by its format. What is drawn depends on the `random.Random` alone, so a
seed gives the same damage again.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Mutation = Callable[[Path, random.Random], None]

HOSTILE_VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 0.5, -0.0, 1e308, float("nan"), float("inf"), 10**20, -(10**20), 2**63, "", "text",
    "\x00", "\x1b[31mred", "[/x] [bold]", "../../secret.txt", "/etc/passwd", "x" * 10000, "é\ud7ff", [], {}, [[]],
    [None], {"a": 1}, [1, 2, 3], ["a"], 3.0000001, "1", "nan",
]  # fmt: skip
OTHER = "another file's content"  # sound, and of its own, where it is of the same kind
DEEP = 100_000  # brackets within each other
BOMB_BYTES = 3 << 29  # of one array, unpacked


# Any file.


def _truncate(path: Path, draws: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: draws.randrange(max(len(content), 1))])


def _flip_bits(path: Path, draws: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(draws.choice([1, 1, 1, 2, 8, 64])):
        if content:
            content[draws.randrange(len(content))] ^= 1 << draws.randrange(8)
    path.write_bytes(bytes(content))


def _flip_head(path: Path, draws: random.Random) -> None:
    """Most of a file's structure is in its first and its last bytes."""
    content = bytearray(path.read_bytes())
    place = draws.randrange(max(1, min(len(content), 256)))
    if content:
        content[place if draws.random() < 0.5 else -1 - place] ^= 1 << draws.randrange(8)
    path.write_bytes(bytes(content))


def _blank_block(path: Path, draws: random.Random) -> None:
    content = bytearray(path.read_bytes())
    start, length = draws.randrange(max(len(content), 1)), draws.choice([1, 16, 512, 4096])
    content[start : start + length] = bytes([draws.choice([0, 0xFF, 0x20])]) * len(content[start : start + length])
    path.write_bytes(bytes(content))


def _insert_bytes(path: Path, draws: random.Random) -> None:
    content = path.read_bytes()
    place = draws.randrange(len(content) + 1)
    path.write_bytes(content[:place] + draws.randbytes(draws.choice([1, 7, 100])) + content[place:])


def _repeat_block(path: Path, draws: random.Random) -> None:
    content = path.read_bytes()
    start = draws.randrange(max(len(content), 1))
    path.write_bytes(content[: start + draws.randrange(1, 200)] + content[start:])


def _empty(path: Path, draws: random.Random) -> None:
    path.write_bytes(b"")


def _random_bytes(path: Path, draws: random.Random) -> None:
    path.write_bytes(draws.randbytes(draws.choice([1, 10, 1000])))


def _no_utf8(path: Path, draws: random.Random) -> None:
    content = path.read_bytes()
    place = draws.randrange(len(content) + 1)
    path.write_bytes(content[:place] + b"\xff\xfe\x80" + content[place:])


def _delete(path: Path, draws: random.Random) -> None:
    path.unlink()


def _folder(path: Path, draws: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _fifo(path: Path, draws: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _link_to_itself(path: Path, draws: random.Random) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _dangling_link(path: Path, draws: random.Random) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _link_elsewhere(path: Path, draws: random.Random) -> None:
    path.unlink()
    path.symlink_to(draws.choice(["/etc/passwd", "/dev/zero", "/dev/null", "/proc/self/environ", "../../../etc/hosts"]))


def _neighbor(path: Path, draws: random.Random) -> None:
    """The content of another file of the same folder."""
    others = sorted(other for other in path.parent.iterdir() if other.is_file() and other != path)
    if others:
        path.write_bytes(draws.choice(others).read_bytes())


# JSON and TOML.


def _places(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of every value within."""
    places: list[tuple[Any, Any]] = []
    rest = [value]
    while rest:
        container = rest.pop()
        keys = list(container) if isinstance(container, dict) else range(len(container))
        places += [(container, key) for key in keys]
        rest += [container[key] for key in keys if isinstance(container[key], dict | list)]
    return places


def _change_tree(tree: Any, draws: random.Random) -> None:
    """One change of a value, a key or a list, anywhere in it."""
    # Long lists would have nearly all changes in them.
    places = [place for place in _places(tree) if not (isinstance(place[0], list) and int(place[1]) > 3)]
    if not places:
        return
    container, key = draws.choice(places)
    value = container[key]
    change = draws.choice(["value", "value", "value", "nudge", "delete", "rename", "add", "list"])
    if change == "nudge" and isinstance(value, int | float) and not isinstance(value, bool):
        container[key] = draws.choice([value + 1, value * 1.1 if value else 0.1, -value, value * 1000, float(value)])
    elif change == "delete":
        del container[key]
    elif change == "rename" and isinstance(container, dict):
        container[draws.choice([f"{key}x", "", "é", f" {key}", "[/x]", "__class__", "../x"])] = container.pop(key)
    elif change == "add" and isinstance(container, dict):
        container["unknown"] = draws.choice(HOSTILE_VALUES)
    elif change == "list" and isinstance(value, list) and value:
        draws.choice([value.pop, value.reverse, lambda: value.append(value[0]), value.clear])()
    else:
        container[key] = draws.choice(HOSTILE_VALUES)


def _json_tree(path: Path, draws: random.Random) -> None:
    tree = json.loads(path.read_text())
    _change_tree(tree, draws)
    path.write_text(json.dumps(tree, indent=1, ensure_ascii=draws.random() < 0.5), errors="surrogatepass")


def _json_twice(path: Path, draws: random.Random) -> None:
    """A key that is there twice, with another value the second time."""
    tree = json.loads(path.read_text())
    keys = [key for container, key in _places(tree) if isinstance(container, dict)]
    key = json.dumps(draws.choice(keys)) if keys else '"a"'
    value = json.dumps(draws.choice(HOSTILE_VALUES))
    text = path.read_text()
    place = text.find(key)
    path.write_text(text[:place] + f"{key}: {value}, " + text[place:])


def _json_deep(path: Path, draws: random.Random) -> None:
    tree = json.loads(path.read_text())
    places = _places(tree)
    opening, closing = draws.choice([("[", "]"), ('{"a":', "}")])
    deep = opening * DEEP + draws.choice(["0" + closing * DEEP, "", closing * DEEP])
    if not places or draws.random() < 0.3:
        path.write_text(deep)
        return
    container, key = draws.choice(places)
    container[key] = "DEEP"
    path.write_text(json.dumps(tree).replace('"DEEP"', deep))


def _json_digits(path: Path, draws: random.Random) -> None:
    tree = json.loads(path.read_text())
    places = _places(tree)
    if not places:
        return
    container, key = draws.choice(places)
    container[key] = "DIGITS"
    digits = draws.choice(["9" * 20, "9" * 5000, "1e99999", "-0", "1E400", "0." + "3" * 400])
    path.write_text(json.dumps(tree).replace('"DIGITS"', digits))


def _json_large(path: Path, draws: random.Random) -> None:
    """A valid document, made large by what nobody asked for."""
    tree = json.loads(path.read_text())
    text = json.dumps(tree)
    path.write_text(text + " " * 30_000_000 if draws.random() < 0.5 else "[" + "0," * 20_000_000 + "0]")


def _toml_tree(path: Path, draws: random.Random) -> None:
    import tomli_w
    import tomllib

    tree = tomllib.loads(path.read_text())
    _change_tree(tree, draws)
    try:
        path.write_text(tomli_w.dumps(tree))
    except (TypeError, ValueError):  # there is no null in TOML
        path.write_text("\n".join(f"{key} = {value!r}" for key, value in tree.items()))


def _toml_lines(path: Path, draws: random.Random) -> None:
    lines = path.read_text().splitlines()
    place = draws.randrange(len(lines))
    draws.choice([lines.pop, lambda at: lines.insert(at, lines[at]), lambda at: lines.__delitem__(slice(at, None))])(
        place
    )
    path.write_text("\n".join(lines))


def _toml_deep(path: Path, draws: random.Random) -> None:
    deep = draws.choice(["a = " + "[" * DEEP + "]" * DEEP, "[" + ".".join("a" * 5000) + "]", "a = " + "9" * 5000])
    path.write_text(path.read_text() + "\n" + deep + "\n")


# Arrays.


def _arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _npz_array(path: Path, draws: random.Random) -> None:
    arrays = _arrays(path)
    name = draws.choice(sorted(arrays))
    array = arrays[name]
    change = draws.randrange(14)
    if change == 0:
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
    _change_tree(header, draws)
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


# ONNX.


def _onnx_model(path: Path, draws: random.Random) -> None:
    """A change within the protobuf: weights elsewhere, shapes, operators, attributes, versions."""
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    graph = model.graph
    tensor = draws.choice(graph.initializer) if graph.initializer else graph.initializer.add()
    node = draws.choice(graph.node)
    change = draws.randrange(16)
    if change < 4:
        _send_elsewhere(model, tensor, node, draws)
    elif change == 4:
        tensor.dims[:] = draws.choice([[-1], [2**40], [2**62, 2**62], [0], [1] * 70, [3]])
    elif change == 5:
        tensor.data_type = draws.choice([0, 2, 7, 8, 16, 17, 99])
    elif change == 6:
        node.op_type = draws.choice(["", "NoSuchOp", "Relu", "Add", "Loop", "x" * 10000, "Conv\x1b[31m"])
    elif change == 7:
        del node.input[:]
    elif change == 8:
        node.input.append(draws.choice(["nowhere", node.output[0], ""]))
    elif change == 9:
        shape = graph.input[0].type.tensor_type.shape
        axis = draws.choice(shape.dim)
        axis.dim_value = draws.choice([0, -1, 1, 7, 2**31, 2**62])
    elif change == 10:
        del model.opset_import[:]
        if draws.random() < 0.7:
            model.opset_import.add(version=draws.choice([0, 1, 13, 99, 2**40]))
    elif change == 11:
        model.ir_version = draws.choice([0, 1, 99, 2**40])
    elif change == 12:
        del draws.choice([graph.node, graph.input, graph.output, graph.initializer])[:]
    elif change == 13:
        for attribute in node.attribute:
            if attribute.ints:
                attribute.ints[:] = draws.choice([[], [0, 0], [2**40, 2**40], [-1, -1], [1] * 50])
            elif attribute.HasField("i"):
                attribute.i = draws.choice([-1, 0, 2**40, 99])
    elif change == 14:
        node.name = graph.node[0].name = draws.choice(["", "\x1b[31m", "[/x]", "same"])
        node.output[0] = graph.node[0].output[0]
    else:
        graph.node.extend([graph.node[draws.randrange(len(graph.node))] for _ in range(3)])
    path.write_bytes(model.SerializeToString())


def _send_elsewhere(model: Any, tensor: Any, node: Any, draws: random.Random) -> None:
    """Let a tensor's values lie in a file: of the graph, an attribute, an inner graph, a function, a sparse tensor."""
    location = draws.choice(["/etc/passwd", "../../secret.txt", "../manifest.json", "missing.data", "", ".", "a\x00b"])
    place = draws.choice(["initializer", "attribute", "inner graph", "function", "sparse"])
    if place == "attribute":
        tensor = node.attribute.add(name="value", type=4).t
    elif place == "inner graph":
        tensor = node.attribute.add(name="body", type=5).g.initializer.add(name="w")
    elif place == "function":
        tensor = model.functions.add(name="f", domain="d").node.add(op_type="Constant").attribute.add(name="value").t
    elif place == "sparse":
        tensor = model.graph.sparse_initializer.add().values
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_type, tensor.data_location = 1, 1
    if place != "initializer":
        tensor.dims[:] = [4]
    del tensor.external_data[:]
    for key, value in (("location", location), ("offset", draws.choice(["0", "-1", "9" * 20, "x"])), ("length", "16")):
        tensor.external_data.add(key=key, value=value)


def _onnx_deep(path: Path, draws: random.Random) -> None:
    """Graphs within each other, deeper than anything that recurses will go."""

    def nested(number: int, message: bytes) -> bytes:
        size, length = bytearray(), len(message)
        while length > 0x7F:
            size.append(length & 0x7F | 0x80)
            length >>= 7
        return bytes([number << 3 | 2]) + bytes(size) + bytes([length]) + message

    graph = b""
    for _ in range(draws.choice([20, 60, 3000])):
        graph = nested(1, nested(5, nested(6, graph)))  # node.attribute.g
    path.write_bytes(path.read_bytes() + nested(7, graph))


ANY: dict[str, Mutation] = {
    "truncated": _truncate,
    "bits flipped": _flip_bits,
    "bits flipped at the ends": _flip_head,
    "block blanked": _blank_block,
    "bytes inserted": _insert_bytes,
    "block repeated": _repeat_block,
    "empty": _empty,
    "random bytes": _random_bytes,
    "not UTF-8": _no_utf8,
    "deleted": _delete,
    "a folder": _folder,
    "a FIFO": _fifo,
    "a link to itself": _link_to_itself,
    "a dangling link": _dangling_link,
    "a link elsewhere": _link_elsewhere,
    OTHER: _neighbor,
}
OWN: dict[str, dict[str, Mutation]] = {
    ".json": {
        "JSON changed": _json_tree,
        "JSON key twice": _json_twice,
        "JSON nested deeply": _json_deep,
        "JSON number of many digits": _json_digits,
        "JSON made large": _json_large,
    },
    ".toml": {"TOML changed": _toml_tree, "TOML lines": _toml_lines, "TOML nested deeply": _toml_deep},
    ".npz": {
        "array changed": _npz_array,
        "array's header": _npz_header,
        "entries of the archive": _npz_entries,
        "zip bomb": _npz_bomb,
    },
    ".safetensors": {"header changed": _safetensors_header, "tensor changed": _safetensors_tensor},
    ".pth": {"pickle": _pth},
    ".onnx": {"model changed": _onnx_model, "graphs nested deeply": _onnx_deep},
}


def kinds_of(path: Path) -> dict[str, Mutation]:
    """{name: mutation} of all that fit a file."""
    return {**ANY, **OWN.get(path.suffix, {})}


def draw_kind(path: Path, draws: random.Random) -> str:
    """The name of one of them: of a file's own format more often, for there is more to damage."""
    own = OWN.get(path.suffix)
    return draws.choice(sorted(own if own and draws.random() < 0.6 else ANY))
