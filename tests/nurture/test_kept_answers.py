"""A teacher's answers in the user's cache folder."""

import os

import pytest
import torch

from edgesynth.nurture import Teacher, batches
from edgesynth.nurture.teacher import kept_answers, teaching
from tests import few_digits
from tests.small_lenet import build


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(teaching, "WORTH_KEEPING_S", 0.0)
    return tmp_path


@pytest.fixture
def task():
    return few_digits.task()


def answers(network, task):
    """What a teacher says to an epoch of batches."""
    teacher = Teacher(network, task)
    return torch.cat([teacher(batch) for batch in batches(task, 64, torch.Generator().manual_seed(0))])


def counted(network):
    """The network, and the images that it was shown, as they are counted."""
    seen = []
    network.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    return network, seen


def files():
    return sorted(kept_answers.folder().glob("*"))


def test_the_next_run_of_the_same_ancestor_asks_little_and_has_the_same_bits(task):
    network, seen = counted(build())
    first = answers(network, task)
    asked = sum(seen)
    assert torch.equal(answers(network, task), first)
    assert sum(seen) - asked == task.variants * min(teaching.LOOKED_AT, len(task.train.labels)) < asked
    assert len(files()) == 1


@pytest.mark.parametrize("change", ["weights", "forward", "images", "threads"])
def test_whatever_the_answers_depend_on_is_asked_anew(task, change, monkeypatch):
    network = build()
    first = answers(network, task)
    if change == "weights":
        with torch.no_grad():
            next(network.parameters()).mul_(2)
    elif change == "forward":
        network.register_forward_hook(lambda module, inputs, outputs: 2 * outputs)
    elif change == "images":
        task.train.images[-1] = 0
    else:
        monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    assert torch.equal(answers(network, task), first) == (change == "threads")
    assert len(files()) == 2


def test_a_damaged_file_is_written_anew(task):
    network = build()
    first = answers(network, task)
    (file,) = files()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert torch.equal(answers(network, task), first)
    assert file.read_bytes() == whole


def test_what_was_used_the_longest_ago_goes_first(task, monkeypatch):
    kept_answers.keep("old", torch.zeros(100))
    kept_answers.keep("used", torch.zeros(100))
    for name, age in (("old", 200), ("used", 300)):
        path = kept_answers.folder() / f"{name}.safetensors"
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    assert kept_answers.kept("used") is not None
    monkeypatch.setattr(kept_answers, "MOST_BYTES", 1100)
    kept_answers.keep("new", torch.ones(100))
    assert {file.stem for file in files()} == {"used", "new"}


def test_a_folder_that_cannot_be_made_is_no_error(task, cache):
    (cache / "edgesynth").write_text("a file")
    assert torch.isfinite(answers(build(), task)).all()


def test_what_is_asked_quickly_is_not_kept(task, monkeypatch):
    monkeypatch.setattr(teaching, "WORTH_KEEPING_S", 1e9)
    answers(build(), task)
    assert files() == []
