"""Ctrl-C while another machine measures: it ends there as here, and what was measured comes back."""

import json
import os
import signal
import threading
import time

import pytest

from edgesynth.benchmark.remote import Options, connection, measure_on
from edgesynth.errors import UserError
from tests.benchmark.test_python36 import python36  # noqa: F401  (a fixture)

STOPPED = "edgesynth: stopped by Ctrl-C; what had finished is kept"
STOPPING = "Ctrl-C: it is stopped on 127.0.0.1, and what was measured is fetched (again: at once)"


def press(command):
    """Ctrl-C; what the command says to it, its exit code is awaited."""
    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=60)
    return out, [line for line in err.splitlines() if line]


def held(machine, bundle, tmp_path):
    """A measurement there that heeds no Ctrl-C any more, and was told of one."""
    command = machine.begin(bundle, cwd=tmp_path)
    os.kill(machine.worker(), signal.SIGSTOP)
    command.send_signal(signal.SIGINT)
    assert command.stderr.readline().strip() == STOPPING
    return command


@pytest.mark.parametrize("there", ["this Python", pytest.param("a board's Python", marks=pytest.mark.index)])
def test_what_was_measured_there_is_written_here_as_a_run_of_here_would(machine, bundle, tmp_path, there, request):
    python = [] if there == "this Python" else ["--remote-python", request.getfixturevalue("python36")]
    command = machine.begin(bundle, *python, cwd=tmp_path)
    time.sleep(1.5)
    out, err = press(command)
    assert (command.returncode, err) == (130, [STOPPING, STOPPED])
    assert "interrupted: stopped by Ctrl-C before its time was over" in out
    assert out.splitlines()[-1] == f"written: {bundle / 'result.json'}"
    result = json.loads((bundle / "result.json").read_text())
    assert (result["bundle"], result["interrupted"]) == ("bundle", True)
    (one,) = result["measurements"]
    assert any(flag.startswith("interrupted: ") for flag in one["flags"])
    assert 0.2 < sum(one["samples_ms"]) / 1e3 < 10
    assert machine.is_clean(within_s=2)


def test_stopped_before_anything_was_timed_nothing_is_written(machine, bundle, tmp_path):
    command = machine.begin(bundle, "--warm-up-s", "60", cwd=tmp_path)
    time.sleep(0.5)
    assert press(command) == ("", [STOPPING, STOPPED])
    assert command.returncode == 130
    assert not (bundle / "result.json").exists()
    assert machine.is_clean(within_s=2)


def test_the_second_ctrl_c_waits_for_nothing(machine, bundle, tmp_path):
    command = held(machine, bundle, tmp_path)
    start = time.monotonic()
    assert press(command) == ("", [STOPPED])
    assert (command.returncode, time.monotonic() - start < 3) == (130, True)
    assert not (bundle / "result.json").exists()
    assert machine.is_clean()


def test_a_connection_that_breaks_meanwhile_is_one_line_and_nothing_is_written(machine, bundle, tmp_path):
    command = held(machine, bundle, tmp_path)
    os.kill(machine.session(), signal.SIGKILL)
    _, err = command.communicate(timeout=60)
    (line,) = err.splitlines()
    assert command.returncode == 2
    assert line.startswith("edgesynth: on 127.0.0.1: the connection broke (")
    assert [path.name for path in bundle.iterdir() if "result" in path.name] == []
    assert machine.is_clean()


def test_who_does_not_stop_in_time_is_ended(machine, bundle, monkeypatch):
    monkeypatch.setenv("PATH", machine.environment()["PATH"])
    monkeypatch.setattr(connection, "STOP_S", 1.0)
    monkeypatch.setattr(connection, "BEAT_S", 0.2)

    def announced(line):
        if line.startswith("measuring"):
            os.kill(machine.worker(), signal.SIGSTOP)
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(UserError, match="the measurement did not stop within 1 s of Ctrl-C and is ended there"):
            measure_on(machine.address, str(bundle), Options(duration_s=60.0, python=machine.python), announced)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert machine.is_clean()
