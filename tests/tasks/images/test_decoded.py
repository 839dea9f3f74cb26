"""Decoded pixels that the next command reads."""

import multiprocessing
import os
import sqlite3
import time
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from edgesynth.errors import UserError
from edgesynth.tasks import load_task
from edgesynth.tasks.images import decoded
from edgesynth.tasks.images.decoded import database, pixels_of, size_of
from edgesynth.tasks.images.pixels import UnreadableError, color
from edgesynth.tasks.images.stored import Kept

calls = []


def counted(file, size):
    """Decode, and remember that."""
    calls.append(file)
    return color(file, size)


def next_command():
    """Let go of the database as a process does at its end."""
    decoded._store(str(database()), decoded.most_bytes(), os.getpid()).close()
    decoded._store.cache_clear()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("EDGESYNTH_PIXELS_MIB", "1")
    calls.clear()
    yield
    monkeypatch.setenv("EDGESYNTH_PIXELS_MIB", "1")
    next_command()


@pytest.fixture
def photo(tmp_path):
    """Write an image of so many seconds ago."""

    def write(name="photo.png", seed=0, age_s=60.0):
        pixels = np.random.default_rng(seed).integers(0, 256, (9, 7, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / name, compress_level=0)
        then = time.time() - age_s
        os.utime(tmp_path / name, (then, then))
        return str(tmp_path / name)

    return write


def rows():
    with sqlite3.connect(database()) as connection:
        return connection.execute("SELECT bytes, shape FROM pixels").fetchall()


def test_the_next_command_decodes_nothing_and_has_the_same_pixels(photo):
    files = [photo(f"{number}.png", number) for number in range(5)]
    first = [pixels_of(file, partial(counted, size=8)) for file in files]
    next_command()
    second = [Kept()(file, partial(counted, size=8)) for file in files]
    assert calls == files
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    second[0][:] = 0  # what is handed out may be written to
    assert rows() == [(192, "3x8x8")] * 5


def test_the_size_of_an_image_is_kept_too(photo):
    file = photo()
    assert [size_of(file), size_of(file)] == [(7, 9), (7, 9)]
    next_command()
    assert size_of(file) == (7, 9)
    assert rows() == [(8, "8")]
    with pytest.raises(UnreadableError, match="is no image"):
        size_of(__file__)


def test_another_size_or_way_of_reading_is_decoded_anew(photo):
    file = photo()
    assert pixels_of(file, partial(counted, size=8)).shape == (3, 8, 8)
    next_command()
    assert pixels_of(file, partial(counted, size=4)).shape == (3, 4, 4)
    assert pixels_of(file, partial(color, size=8)).shape == (3, 8, 8)
    assert len(calls) == 2


def test_a_file_that_was_changed_is_decoded_anew_whatever_time_it_bears(photo):
    before = pixels_of(photo(seed=0), partial(counted, size=8))
    next_command()
    size = os.path.getsize(photo(seed=0))
    stat = os.stat(photo(seed=0))
    file = photo(seed=1)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert os.path.getsize(file) == size
    assert not torch.equal(pixels_of(file, partial(counted, size=8)), before)
    assert len(calls) == 2


def test_a_file_that_was_just_written_is_not_kept(photo):
    pixels_of(photo(age_s=0.0), partial(counted, size=8))
    next_command()
    pixels_of(photo(age_s=0.0), partial(counted, size=8))
    assert len(calls) == 2


def test_ways_of_reading_that_are_not_known_again_are_not_kept(photo):
    file = photo()
    for _ in range(2):
        pixels_of(file, lambda path: counted(path, 8))
        pixels_of(file, partial(counted, size=np.int64(8)))
        next_command()
    assert len(calls) == 4


def flip(content):
    return bytes([content[0] ^ 1]) + content[1:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda row: row.update(content=flip(row["content"])),
        lambda row: row.update(content=row["content"][:-1]),
        lambda row: row.update(content="text"),
        lambda row: row.update(shape="8x8"),
        lambda row: row.update(shape="-3x-8x8"),
        lambda row: row.update(shape=None),
        lambda row: row.update(sum="text"),
    ],
)
def test_a_damaged_entry_is_made_anew(photo, damage):
    file = photo()
    right = pixels_of(file, partial(counted, size=8))
    next_command()
    with sqlite3.connect(database()) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM pixels").fetchone())
        damage(row)
        connection.execute("UPDATE pixels SET shape = :shape, sum = :sum, content = :content", row)
    for _ in range(2):
        assert torch.equal(pixels_of(file, partial(counted, size=8)), right)
        next_command()
    assert len(calls) == 2


@pytest.mark.parametrize("content", [b"", b"no database" * 1000, None])
def test_a_damaged_database_is_made_anew(photo, content):
    file = photo()
    right = pixels_of(file, partial(counted, size=8))
    next_command()
    whole = database().read_bytes()
    database().write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096) if content is None else content)
    for _ in range(2):
        assert torch.equal(pixels_of(file, partial(counted, size=8)), right)
        next_command()
    assert len(calls) == 2


def test_a_database_that_cannot_be_used_costs_a_decoding_and_nothing_else(photo):
    database().mkdir(parents=True)
    for _ in range(2):
        assert pixels_of(photo(), partial(counted, size=8)).shape == (3, 8, 8)
        next_command()
    assert len(calls) == 2


def test_what_was_not_used_today_gives_way_and_what_was_stays(photo, monkeypatch):
    monkeypatch.setattr(decoded, "most_bytes", lambda: 5 * 192)
    monkeypatch.setattr(decoded, "_today", lambda: 100)
    old = [photo(f"old{number}.png", number) for number in range(4)]
    for file in old:
        pixels_of(file, partial(counted, size=8))
    next_command()
    monkeypatch.setattr(decoded, "_today", lambda: 101)
    pixels_of(old[0], partial(counted, size=8))  # used again, and so of today
    for number in range(4):
        pixels_of(photo(f"new{number}.png", 10 + number), partial(counted, size=8))
        next_command()
    assert len(rows()) == 5
    calls.clear()
    pixels_of(old[0], partial(counted, size=8))
    assert calls == []
    pixels_of(photo("one too many.png", 20), partial(counted, size=8))
    next_command()
    assert len(rows()) == 5


def _decode_all(files):
    found = [pixels_of(file, partial(counted, size=16)) for file in files]
    decoded._store(str(database()), decoded.most_bytes(), os.getpid()).close()
    os._exit(0 if all(torch.equal(one, color(file, 16)) for one, file in zip(found, files, strict=True)) else 1)


def test_commands_write_at_once_and_each_has_its_own_right_pixels(photo, monkeypatch):
    monkeypatch.setattr(decoded, "PENDING_BYTES", 4 * 768)
    files = [photo(f"{number}.png", number) for number in range(40)]
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=_decode_all, args=(files[first : first + 30],)) for first in (0, 10)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(rows()) == 40
    for file in files:
        pixels_of(file, partial(counted, size=16))
    assert calls == []


@pytest.mark.parametrize("value", ["-1", "many", "", "1.5", "9" * 10])
def test_a_bound_that_is_no_number_is_refused(photo, monkeypatch, value):
    monkeypatch.setenv("EDGESYNTH_PIXELS_MIB", value)
    with pytest.raises(UserError, match="EDGESYNTH_PIXELS_MIB"):
        pixels_of(photo(), partial(counted, size=8))


def test_a_task_keeps_the_pixels_of_its_images_and_reads_them_again(tmp_path, photo):
    for kind in ("cat", "dog"):
        (tmp_path / "photos" / kind).mkdir(parents=True)
        for number in range(6):
            photo(f"photos/{kind}/{number}.png", number)
    first = load_task("imagefolder", tmp_path / "photos", 8)
    next_command()
    assert rows() == [(192, "3x8x8")] * 12
    second = load_task("imagefolder", tmp_path / "photos", 8)
    assert torch.equal(first.train.images, second.train.images)
    assert torch.equal(first.load_test().images, second.load_test().images)
