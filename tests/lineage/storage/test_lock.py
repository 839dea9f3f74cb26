"""One writer at a time in a run directory."""

import json
import os
import signal
import socket

import pytest

from edgesynth.errors import UserError
from edgesynth.lineage import alone_in, check_unheld
from edgesynth.lineage.run_directory.run import is_taken
from edgesynth.lineage.storage.lock import is_written_by_another


class Holder:
    """A process that holds the lock of a run until it is killed."""

    def __init__(self, run):
        reader, writer = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            try:
                with alone_in(run):
                    os.write(writer, b"held")
                    signal.pause()
            finally:
                os._exit(1)
        os.close(writer)
        assert os.read(reader, 4) == b"held"
        os.close(reader)

    def kill(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0


@pytest.fixture
def holder(tmp_path):
    process = Holder(tmp_path / "run")
    yield process
    process.kill()


def test_the_second_is_told_host_process_and_time(tmp_path, holder):
    who = rf"{socket.gethostname()}, process {holder.pid}( in a container)?, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    words = rf"run is being bred by another edgesynth evolve \(host {who}\), and two"
    with pytest.raises(UserError, match=words), alone_in(tmp_path / "run"):
        pass
    with pytest.raises(UserError, match=f"process {holder.pid}"):
        check_unheld(tmp_path / "run")
    assert is_written_by_another(tmp_path / "run") and not is_taken(tmp_path / "run")


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder):
    number = str(holder.pid)
    holder.kill()
    assert json.loads((tmp_path / "run" / ".lock").read_text())["pid"].split()[0] == number
    check_unheld(tmp_path / "run")
    with alone_in(tmp_path / "run"):
        mine = json.loads((tmp_path / "run" / ".lock").read_text())
        assert mine["pid"].split()[0] == str(os.getpid()) and mine["host"] == socket.gethostname()
        assert not is_written_by_another(tmp_path / "run")


def test_it_is_given_back_at_the_end_and_after_an_error(tmp_path):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), alone_in(tmp_path / "run"):
            raise ZeroDivisionError
        assert json.loads((tmp_path / "run" / ".lock").read_text()) == {}


def test_two_in_one_process_exclude_each_other_too(tmp_path):
    with alone_in(tmp_path), pytest.raises(UserError, match=f"process {os.getpid()}"), alone_in(tmp_path):
        pass


def test_what_another_host_has_left_is_reported_with_what_to_do(tmp_path):
    lock = tmp_path / ".lock"
    lock.write_text(json.dumps({"host": "elsewhere", "pid": "77", "since": "2026-01-02 03:04:05 UTC"}))
    words = rf"on another machine \(host elsewhere, process 77, since 2026-01-02 03:04:05 UTC\), .* delete {lock} and"
    for _ in range(2):
        with pytest.raises(UserError, match=words), alone_in(tmp_path):
            pass
    lock.unlink()
    with alone_in(tmp_path):
        pass


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"[" * 5000, b"\xff", b'{"pid": 3}', b'{"host": 3}', b"0" * 9999]
)
def test_a_lock_file_that_says_nothing_is_taken(tmp_path, content):
    (tmp_path / ".lock").write_bytes(content)
    with alone_in(tmp_path):
        pass


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/etc/passwd", path)])
def test_what_is_no_file_in_its_place_is_one_line(tmp_path, make):
    make(tmp_path / ".lock")
    words = r"\.lock .*it is the lock of the run: move aside what stands there"
    with pytest.raises(UserError, match=words), alone_in(tmp_path):
        pass
