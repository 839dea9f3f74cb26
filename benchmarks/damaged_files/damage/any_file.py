"""Damage to the bytes of any file, or another thing in its place."""

from __future__ import annotations

import os
import random
from pathlib import Path

from benchmarks.damaged_files.damage.mutation import Mutation

OTHER = "another file's content"  # sound, and of its own, where it is of the same kind


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
