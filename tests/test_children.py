"""What processes need in their environment, and why one has ended."""

import os
import signal
import subprocess
import sys

import pytest

from edgesynth import children
from edgesynth.children import child_environment, end_of, needed, prepare_this_process


@pytest.mark.parametrize(
    ("machine", "python", "set_there"),
    [
        ("aarch64", (3, 6), {"OPENBLAS_CORETYPE": "ARMV8"}),  # JetPack 4
        ("aarch64", (3, 8), {"OPENBLAS_CORETYPE": "ARMV8"}),  # JetPack 5
        ("aarch64", (3, 10), {}),  # numpy 1.19.5 has no wheel for it, and OpenBLAS would be slower so
        ("x86_64", (3, 6), {}),
    ],
)
def test_openblas_is_told_the_processor_where_a_numpy_may_be_that_dies_without(machine, python, set_there):
    assert needed(machine, python) == set_there


@pytest.fixture
def on_a_board(monkeypatch):
    monkeypatch.setattr(children.os, "uname", lambda: os.uname_result(("Linux", "tx2", "4.9", "#1", "aarch64")))
    monkeypatch.setattr(children.sys, "version_info", (3, 6, 9))
    monkeypatch.setattr(os, "environ", {"PATH": os.environ["PATH"]})


def test_a_child_and_this_process_get_it_and_what_the_user_set_stays(on_a_board):
    assert child_environment()["OPENBLAS_CORETYPE"] == "ARMV8"
    assert "OPENBLAS_CORETYPE" not in os.environ
    prepare_this_process()
    assert os.environ["OPENBLAS_CORETYPE"] == "ARMV8"
    os.environ["OPENBLAS_CORETYPE"] = "CORTEXA57"
    prepare_this_process()
    assert os.environ["OPENBLAS_CORETYPE"] == child_environment()["OPENBLAS_CORETYPE"] == "CORTEXA57"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGILL, "numpy 1.19.5 is the likely cause: python3 -m pip install numpy==1.19.4"),
        (signal.SIGKILL, "too little memory"),
        (signal.SIGSEGV, "a library that does not fit the system"),
        (signal.SIGBUS, "a full disk"),
        (signal.SIGABRT, "last words"),
    ],
)
def test_a_process_that_a_signal_ended_is_told_with_the_likely_reason_and_what_to_do(number, reason):
    code = f"import os, resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); os.kill(os.getpid(), {int(number)})"
    direct = subprocess.run([sys.executable, "-c", code], capture_output=True).returncode
    by_shell = subprocess.run(
        ["bash", "-c", '"$0" -c "$1"; exit $?', sys.executable, code], capture_output=True
    ).returncode
    assert (direct, by_shell) == (-number, 128 + number)
    words = end_of(direct)
    assert words.startswith(f"signal {int(number)} ({signal.Signals(number).name}: ") and reason in words
    assert "\n" not in words and end_of(by_shell, by_shell=True) == words


@pytest.mark.parametrize(
    ("code", "by_shell", "words"),
    [
        (3, False, "exit code 3"),
        (132, False, "exit code 132"),  # a program may say so itself
        (125, True, "exit code 125"),  # docker's own
        (255, True, "exit code 255"),
        (-signal.SIGUSR1, False, f"signal {int(signal.SIGUSR1)} (SIGUSR1)"),
        (-33, False, "signal 33"),
    ],
)
def test_what_is_no_signal_or_none_that_is_known_is_said_as_it_is(code, by_shell, words):
    assert end_of(code, by_shell) == words
