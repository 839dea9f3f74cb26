"""What killed writers leave is removed by the next, and what is being written is not."""

import os
import signal
import subprocess
import time

import pytest

from edgesynth.export.bundle.staging import staged
from edgesynth.lineage.storage.files import held, is_left_over, remove_left_overs, temporary_path, write_bytes
from edgesynth.report import write_report


@pytest.fixture
def dead():
    """The number of a process that is gone."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_the_file_of_a_writer_that_was_killed_is_removed(tmp_path):
    child = os.fork()
    if not child:
        os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
        write_bytes(tmp_path / "file", b"half")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".file.") and left.name.endswith(".tmp")
    remove_left_overs(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_being_written_stays_whatever_its_number(tmp_path, dead):
    mine = temporary_path(tmp_path / "mine")
    mine.write_text("")
    of_a_container = tmp_path / f".theirs.{dead}.tmp"
    of_a_container.mkdir()
    with held(of_a_container):
        remove_left_overs(tmp_path)
        assert mine.exists() and of_a_container.exists()
    remove_left_overs(tmp_path)
    assert mine.exists() and not of_a_container.exists()


def test_a_number_that_another_process_has_now_keeps_nothing_for_long(tmp_path):
    path = tmp_path / f".file.{os.getppid()}.tmp"
    path.write_text("")
    assert not is_left_over(path)
    an_hour_ago = time.time() - 3600
    os.utime(path, (an_hour_ago, an_hour_ago))
    assert is_left_over(path)


@pytest.mark.parametrize("name", ["file.tmp", ".file.tmp", ".file.12x.tmp", "data.77.tmp", ".77.tmp"])
def test_files_of_other_names_are_nobody_s_left_overs(tmp_path, name):
    (tmp_path / name).write_text("")
    os.utime(tmp_path / name, (1, 1))
    assert not is_left_over(tmp_path / name)


def test_a_run_is_tidied_and_a_bundle_s_remains_are_removed_by_the_next_export(tiny_run, dead):
    folders = [tiny_run.path, tiny_run.folder("g001-c0"), tiny_run.path / "bundles"]
    folders[-1].mkdir()
    for folder in folders:
        (folder / f".left.{dead}.tmp").mkdir()
        (folder / f".left.{dead}.tmp" / "model.onnx").write_text("")
    with staged(tiny_run.path / "bundles" / "next"):
        pass
    assert [path.name for path in folders[-1].iterdir()] == ["next"]
    tiny_run.tidy()
    assert not list(tiny_run.path.rglob("*.tmp"))


def test_the_report_never_names_one(tiny_run, dead):
    left = tiny_run.path / "bundles" / f".g001-c0.{dead}.tmp"
    left.mkdir(parents=True)
    page = write_report(tiny_run).read_text()
    assert ".tmp" not in page and "edgesynth export" in page


def test_a_write_leaves_no_lock_and_no_temporary_file(tmp_path):
    write_bytes(tmp_path / "file", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
