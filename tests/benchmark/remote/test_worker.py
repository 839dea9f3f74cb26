"""The process that measures there: its environment, and what is said when a signal ends it."""

import json
import os
import signal

import pytest

from edgesynth import children
from edgesynth.benchmark.service import serving
from edgesynth.benchmark.service.bootstrap import MARK


@pytest.mark.parametrize("docker", [False, True])
def test_on_a_board_with_an_old_python_openblas_is_told_the_processor(tmp_path, monkeypatch, docker):
    monkeypatch.setattr(children.os, "uname", lambda: os.uname_result(("Linux", "tx2", "4.9", "#1", "aarch64")))
    monkeypatch.setattr(children.sys, "version_info", (3, 6, 9))
    order = {"docker": docker, "image": None}
    _, environment, container = serving._command(order, str(tmp_path), "edgesynth.pyz", ["bundle"])
    assert (environment["OPENBLAS_CORETYPE"], bool(container)) == ("ARMV8", docker)


@pytest.mark.parametrize(("code", "in_container"), [(-signal.SIGILL, False), (128 + signal.SIGILL, True)])
def test_an_illegal_instruction_is_told_with_its_likely_reason(tmp_path, capfd, code, in_container):
    watched = serving._Watched(["Illegal instruction (core dumped)"], False)
    serving._report(code, in_container, watched, str(tmp_path / "absent.json"))
    (line,) = capfd.readouterr().out.splitlines()
    error = json.loads(line[len(MARK) :])["error"]
    assert error.startswith(
        "the measurement ended with signal 4 (SIGILL: an instruction that the processor does not have"
    )
    assert "numpy==1.19.4" in error
    assert error.endswith("; its last words: Illegal instruction (core dumped)")
