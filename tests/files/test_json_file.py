"""JSON from outside: what would only fail later is refused when it is read, and a sealed document that was changed."""

import json
import os

import pytest

from edgesynth.errors import UserError
from edgesynth.files.json_file import parse_json, read_json, sealed, unsealed


def read(path, **more):
    return read_json(str(path), "there is none", "measure again", **more)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"a":' * 70 + "1" + "}" * 70, "nested more than 64 deep"),
        ('{"a": 1, "b": 2, "a": 3}', "'a' is there twice"),
        ("[NaN]", "NaN is no number of JSON"),
        ("[-Infinity]", "-Infinity is no number"),
        ("[1e400]", "1e400 is too large"),
        ("9" * 5000, "a number of 5,000 digits"),
        ('["\\ud800"]', "half of a character"),
        ('{"\\uDFFF": 1}', "half of a character"),
        ("{", "Expecting property name"),
        ("", "Expecting value"),
    ],
)
def test_what_would_fail_later_is_refused_when_it_is_read(tmp_path, text, why):
    path = tmp_path / "f.json"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read(path)
    assert str(error.value).startswith(f"{path} is not JSON (")
    assert why in str(error.value) and str(error.value).endswith("); measure again")


def test_what_is_sound_is_read_as_it_is():
    document = {
        "a": [1, -2.5, 1e300, 10**39, None, True],
        "b": {"c": "é\u4e2d \ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")},
    }
    assert parse_json(json.dumps(document).encode()) == document
    assert parse_json(b"[" * 60 + b"]" * 60) == json.loads("[" * 60 + "]" * 60)


def test_bytes_that_are_no_utf8_are_refused(tmp_path):
    (tmp_path / "f.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(UserError, match=r"f.json is not JSON .*can't decode byte 0xff"):
        read(tmp_path / "f.json")


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("f.json", path)])
def test_what_is_no_file_is_said_and_not_waited_for(tmp_path, make):
    make(tmp_path / "f.json")
    with pytest.raises(UserError, match=r"f.json is no file \(a folder, a pipe, a device or a broken link\)"):
        read(tmp_path / "f.json")
    with pytest.raises(UserError, match="there is none"):
        read(tmp_path / "other.json")


def test_a_file_beyond_the_bound_is_refused_unread(tmp_path):
    with open(tmp_path / "f.json", "wb") as file:
        file.truncate(1 << 40)  # takes no space, and could not be read into memory
    with pytest.raises(UserError, match=r"f.json has 1,099,511,627,776 bytes, and such a file has at most 8,388,608"):
        read(tmp_path / "f.json")


def test_every_change_of_a_sealed_document_is_noticed():
    document = sealed({"a": [1, 2.5], "b": {"c": "x"}, "d": None, 3: (1, 2)})
    plain = {"a": [1, 2.5], "b": {"c": "x"}, "d": None, "3": [1, 2]}
    assert unsealed(document, "f.json", "measure again") == plain
    # Written another way, and sealed once more, it is the same.
    assert unsealed(json.loads(json.dumps(document, indent=3)), "f", "again") == plain
    assert sealed(document) == document
    changes = [
        {"a": [1, 2.6]},
        {"a": [2.5, 1]},
        {"b": {"c": "x", "e": 0}},
        {"d": False},
        {"e": 1},
        {"sha256": "0" * 64},
    ]
    for change in (*changes, {"sha256": None}):
        with pytest.raises(UserError, match=r"f.json was changed or damaged since it was written .*; measure again"):
            unsealed({**document, **change}, "f.json", "measure again")
    for name in plain:
        with pytest.raises(UserError, match="was changed or damaged"):
            unsealed({key: value for key, value in document.items() if key != name}, "f.json", "measure again")


def test_a_document_of_an_older_edgesynth_has_no_seal_and_is_read():
    assert unsealed({"a": 1}, "f.json", "measure again") == {"a": 1}


def test_a_large_file_that_is_no_object_is_not_gone_through(tmp_path):
    (tmp_path / "f.json").write_bytes(b" [" + b"0," * (8 << 20) + b"0]")
    with pytest.raises(UserError, match=r"f.json is not JSON \(it is no object\)"):
        read(tmp_path / "f.json", most_bytes=1 << 30)
