import hashlib
import io
import os

import pytest

from edgesynth.benchmark.service.store import Sent, Store, files_of
from edgesynth.errors import UserError


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


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/escaped", "a/../../escaped", "link/escaped"])
def test_nothing_is_placed_outside_of_the_folder(folder, tmp_path, name):
    store, placed = Store(folder), tmp_path / "a/b/placed"
    placed.mkdir(parents=True)
    (placed / "link").symlink_to("..")
    file = sent(name, b"content")
    add(store, file, b"content")
    with pytest.raises(UserError, match=r"the order names the file .*, which is"):
        store.place(file, str(placed))
    assert not list(tmp_path.rglob("escaped")) and not os.path.exists("/tmp/escaped")


@pytest.mark.parametrize("entry", [["a", "../../x", 3], ["a", "f" * 63, 3], [None, "f" * 64, 3], ["a", "f" * 64, -1]])
def test_an_order_of_what_is_no_file_is_refused(entry):
    with pytest.raises(UserError, match="the order lists"):
        files_of([entry])
