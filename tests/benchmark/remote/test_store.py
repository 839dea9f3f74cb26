import hashlib
import io
import os

import pytest

from edgesynth.benchmark.service.store import Sent, Store


def sent(name, content):
    return Sent(name, hashlib.sha256(content).hexdigest(), len(content))


def add(store, file, content):
    return store.add(file, io.BytesIO(content).read, os.path.join(store.folder, "..", "unfinished"))


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "files")


def test_what_did_not_arrive_as_promised_is_not_kept(folder):
    store, file = Store(folder), sent("a", b"right")
    assert not add(store, file, b"wrong")
    assert store.lacking([file]) == [file]
    assert add(store, file, b"right")
    assert store.lacking([file]) == []


def test_one_content_under_two_names_is_sent_once_and_placed_twice(folder, tmp_path):
    store, both = Store(folder), [sent("a", b"same"), sent("weights/b", b"same")]
    (lacking,) = store.lacking(both)
    add(store, lacking, b"same")
    for file in both:
        store.place(file, str(tmp_path / "placed"))
    assert (tmp_path / "placed/a").read_bytes() == (tmp_path / "placed/weights/b").read_bytes() == b"same"


def test_what_was_used_longest_ago_is_forgotten_first(folder, tmp_path):
    store = Store(folder, limit_bytes=10)
    old, middle, new = (sent(name, name.encode() * 4) for name in "abc")
    for age, file in enumerate([new, middle, old]):
        add(store, file, file.name.encode() * 4)
        os.utime(os.path.join(folder, file.sha256), (1e9 - age, 1e9 - age))
    store.place(old, str(tmp_path / "placed"))
    store.trim()
    assert store.lacking([old, middle, new]) == [middle]
    assert (tmp_path / "placed/a").read_bytes() == b"aaaa"
