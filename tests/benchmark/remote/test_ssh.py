"""`edgesynth benchmark --on ssh://` against a real sshd: what is sent, what comes back, that nothing stays."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from edgesynth.benchmark.remote import Options, client, connection, measure_on
from edgesynth.errors import UserError
from tests.benchmark.conftest import scale, write_classifier, write_manifest
from tests.benchmark.test_python36 import python36  # noqa: F401  (a fixture)

from .conftest import QUICK, heeds_ctrl_c

pytestmark = pytest.mark.slow


def sent(err):
    return [line.split(": ", 1)[1].rpartition(" (")[0] for line in err.splitlines() if line.startswith("sending: ")]


def test_the_result_is_of_there_and_named_as_here(machine, bundle, tmp_path):
    code, out, err = machine.call(bundle, *QUICK, "--batch", "1,5", cwd=tmp_path)
    assert code == 0, err
    result = json.loads((bundle / "result.json").read_text())
    assert (result["bundle"], result["individual"]) == ("bundle", "g003-c1")
    assert [(one["batch"], one["accuracy_percent"]) for one in result["measurements"]] == [(1, 75.0), (5, 75.0)]
    assert out.splitlines()[-1] == f"written: {bundle / 'result.json'}"
    assert "measuring bundle (fp32 x1, fp32 x5)" in err
    assert machine.is_clean()


def test_the_python_of_a_board_measures(machine, bundle, tmp_path, python36):  # noqa: F811
    code, _, err = machine.call(bundle, *QUICK, cwd=tmp_path, python=python36)
    assert code == 0, err
    result = json.loads((bundle / "result.json").read_text())
    assert result["machine"]["python"].startswith("3.6.")
    assert result["engine"]["version"] == "1.10.0"


def test_only_what_is_not_there_yet_is_sent(machine, bundle, tmp_path):
    def measured():
        code, _, err = machine.call(bundle, *QUICK, "-o", "elsewhere.json", cwd=tmp_path)
        assert code == 0, err
        return sent(err)

    everything = ["manifest.json, model.int8-cpu.onnx, model.onnx, samples.npz"]
    assert measured() == everything
    assert measured() == []
    scale(bundle / "model.onnx", "conv", 1.01)
    write_manifest(bundle)
    assert measured() == ["manifest.json, model.onnx"]
    for kept in (machine.cache / "edgesynth/remote/files").iterdir():
        kept.write_bytes(kept.read_bytes()[:-1])
    assert measured() == everything


def test_a_bare_file_goes_alone_and_its_result_lies_beside_it(machine, tmp_path):
    write_classifier(tmp_path / "smäll.onnx")
    code, _, err = machine.call("smäll.onnx", *QUICK, cwd=tmp_path)
    assert code == 0, err
    assert sent(err) == ["smäll.onnx"]
    assert json.loads((tmp_path / "smäll.onnx.result.json").read_text())["bundle"] == "smäll.onnx"


def test_what_a_login_shell_says_is_no_part_of_the_result(machine, bundle, tmp_path):
    noisy = tmp_path / "noisy"
    noisy.write_text(
        '#!/bin/sh\necho "Welcome to your board"; printf "no line end"\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    noisy.chmod(0o755)
    key = (machine.folder / "user.pub").read_text()
    (machine.folder / "authorized").write_text(f'command="{noisy}" {key}')
    code, _, err = machine.call(bundle, *QUICK, cwd=tmp_path)
    assert (code, "Welcome" in err) == (0, False), err


def test_a_refusal_of_there_is_one_line_with_the_path_of_here(machine, bundle, tmp_path):
    (bundle / "model.onnx").write_bytes(b"once upon a time")
    write_manifest(bundle)
    code, out, err = machine.call(bundle, *QUICK, cwd=tmp_path)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"edgesynth: on 127.0.0.1: {bundle}/model.onnx is not an ONNX model")
    assert not (bundle / "result.json").exists()
    assert machine.is_clean()


def test_what_runs_there_ends_with_the_command_here(machine, bundle, tmp_path):
    command = machine.begin(bundle, cwd=tmp_path)
    assert machine.processes() and len(machine.runs()) == 1
    command.kill()
    command.communicate(timeout=60)
    assert machine.is_clean()
    assert not (bundle / "result.json").exists()


def test_what_runs_there_ends_with_the_connection(machine, bundle, tmp_path):
    command = machine.begin(bundle, cwd=tmp_path)
    os.kill(machine.session(), signal.SIGKILL)
    _, err = command.communicate(timeout=60)
    assert command.returncode == 2
    (line,) = err.splitlines()
    assert line.startswith("edgesynth: on 127.0.0.1: the connection broke (")
    assert machine.is_clean()
    assert not (bundle / "result.json").exists()


def test_what_runs_there_ends_when_nothing_is_heard_from_here(machine, bundle, monkeypatch):
    monkeypatch.setenv("PATH", machine.environment()["PATH"])
    monkeypatch.setattr(client, "SILENCE_S", 1.0)
    monkeypatch.setattr(connection, "BEAT_S", 1e6)
    with pytest.raises(UserError, match="nothing was heard for 1 s, so the measurement was ended"):
        measure_on(machine.address, str(bundle), Options(duration_s=60.0, python=machine.python))
    assert machine.is_clean()


def test_as_long_as_something_is_heard_it_goes_on(machine, bundle, monkeypatch):
    monkeypatch.setenv("PATH", machine.environment()["PATH"])
    monkeypatch.setattr(client, "SILENCE_S", 1.0)
    monkeypatch.setattr(connection, "BEAT_S", 0.2)
    options = Options(precisions=("fp32",), duration_s=2.5, warm_up_s=0.0, idle_s=0.0, python=machine.python)
    result = measure_on(machine.address, str(bundle), options)
    assert result["settings"]["duration_s"] == 2.5


def test_a_worker_that_is_killed_there_is_told_of(machine, bundle, tmp_path):
    command = machine.begin(bundle, cwd=tmp_path)
    os.kill(machine.worker(), signal.SIGKILL)
    _, err = command.communicate(timeout=60)
    assert (command.returncode, err.splitlines()) == (
        2,
        [
            "edgesynth: on 127.0.0.1: the measurement ended with signal 9 (SIGKILL: it was killed); the likely cause "
            "is too little memory, which dmesg tells: use a smaller --batch, end other work, or add swap; it said "
            "nothing"
        ],
    )
    assert machine.is_clean()


def test_a_service_that_is_killed_there_takes_its_worker_along_and_the_next_run_cleans_up(machine, bundle, tmp_path):
    command = machine.begin(bundle, cwd=tmp_path)
    for process in machine.processes():
        if "\0-c\0" in Path(f"/proc/{process}/cmdline").read_text():
            os.kill(process, signal.SIGKILL)
    _, err = command.communicate(timeout=60)
    assert (command.returncode, "on 127.0.0.1: what ran there was killed; " in err) == (2, True), err
    assert machine.processes() == [] and len(machine.runs()) == 1
    assert machine.call(bundle, *QUICK, cwd=tmp_path)[0] == 0
    assert machine.is_clean()


def test_ctrl_c_while_connecting_does_not_wait_for_the_network(machine, bundle, tmp_path):
    (machine.folder / "bin/ssh").write_text("#!/bin/sh\necho connecting >&2\nexec sleep 60\n")
    words = machine.words(bundle, *QUICK)
    command = subprocess.Popen(
        words, cwd=tmp_path, env=machine.environment(), stderr=subprocess.PIPE, text=True, preexec_fn=heeds_ctrl_c
    )
    assert command.stderr.readline() == "connecting: 127.0.0.1\n"
    time.sleep(0.3)
    command.send_signal(signal.SIGINT)
    assert command.wait(40) == 130
