"""`--docker`: run.sh on the other machine, with a stand-in for docker that runs what the container would."""

import json
import shutil
import signal
import sys
import time

import pytest

from tests.jetson.conftest import RELEASE

from .conftest import QUICK, SSH, SSHD, Machine

# `run` puts the host's paths where the container's stand and runs the entry point. As with the real one, Ctrl-C goes on
# into the container, and the end of the client is not that of the container: only `kill` ends that.
DOCKER = """#!{python}
import os, signal, subprocess, sys
board, words = {board!r}, sys.argv[1:]
open(os.path.join(board, "log"), "a").write(" ".join(words) + chr(10))
if words[0] == "info":
    print('{{"nvidia":{{}}}}')
elif words[:2] == ["image", "inspect"]:
    sys.exit(words[2] != "edgesynth:r32.7.1")
elif words[0] == "kill":
    os.killpg(int(open(os.path.join(board, words[1])).read()), signal.SIGKILL)
elif words[0] == "run":
    volumes = [words[at + 1].split(":")[:2] for at, word in enumerate(words) if word == "-v"]
    image = words.index("edgesynth:r32.7.1")
    assert words[words.index("--entrypoint") + 1] == "python3" and image > words.index("--entrypoint")
    inside = words[image + 1 :]
    for host, path in sorted(volumes, key=lambda pair: -len(pair[1])):
        inside = [host + word[len(path) :] if (word + "/").startswith(path + "/") else word for word in inside]
    container = subprocess.Popen([{python!r}] + inside, start_new_session=True)
    signal.signal(signal.SIGINT, lambda *_: os.killpg(container.pid, signal.SIGINT))
    open(os.path.join(board, words[words.index("--name") + 1]), "w").write(str(container.pid))
    sys.exit(container.wait())
"""
TOOLS = ("basename", "bash", "cat", "chmod", "dirname", "env", "grep", "mkdir", "mktemp", "rm", "sed", "tr")


@pytest.fixture
def board(tmp_path):
    if SSHD is None or SSH is None:
        pytest.skip("no OpenSSH server and client here: apt install openssh-server")
    folder, files, tools = tmp_path / "machine", tmp_path / "root", tmp_path / "tools"
    for one in (folder, tools, files / "etc/nvidia-container-runtime/host-files-for-container.d"):
        one.mkdir(parents=True)
    (files / "etc/nv_tegra_release").write_text(RELEASE)
    for part in ("cuda", "cudnn", "tensorrt"):
        (files / f"etc/nvidia-container-runtime/host-files-for-container.d/{part}.csv").write_text("dir, /usr\n")
    (tools / "docker").write_text(DOCKER.format(python=sys.executable, board=str(tmp_path)))
    (tools / "docker").chmod(0o755)
    for name in TOOLS:
        (tools / name).symlink_to(shutil.which(name))
    machine = Machine(folder, JETSON_ROOT=files, PATH=tools)
    machine.tools = tools
    machine.log = lambda: (tmp_path / "log").read_text()
    try:
        machine.start()
        yield machine
    finally:
        machine.stop()


def test_the_container_runs_what_was_sent_and_the_result_comes_back(board, bundle, tmp_path):
    code, _, err = board.call(bundle, "--docker", *QUICK, "--batch", "5", cwd=tmp_path)
    assert code == 0, err
    result = json.loads((bundle / "result.json").read_text())
    assert result["bundle"] == "bundle"
    assert [(one["batch"], one["accuracy_percent"]) for one in result["measurements"]] == [(5, 75.0)]
    assert "nvpmodel does not tell the power mode" in err
    assert "-e NVIDIA_REQUIRE_JETPACK=csv-mounts=all" in board.log()
    assert board.is_clean()


def test_the_container_ends_with_the_command_here(board, bundle, tmp_path):
    command = board.begin(bundle, "--docker", cwd=tmp_path)
    command.kill()
    command.communicate(timeout=60)
    assert board.is_clean()
    assert "\nkill edgesynth-run-" in board.log()


def test_ctrl_c_here_ends_the_container_and_brings_what_it_measured(board, bundle, tmp_path):
    command = board.begin(bundle, "--docker", cwd=tmp_path)
    time.sleep(1.5)
    command.send_signal(signal.SIGINT)
    _, err = command.communicate(timeout=60)
    assert command.returncode == 130, err
    assert json.loads((bundle / "result.json").read_text())["interrupted"] is True
    assert board.is_clean()


def test_an_image_that_is_not_there_is_named(board, bundle, tmp_path):
    code, out, err = board.call(bundle, "--docker", *QUICK, cwd=tmp_path, EDGESYNTH_IMAGE="mine:2")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("edgesynth: on 127.0.0.1: there is no image mine:2 here; build it")
    assert board.is_clean()


def test_without_docker_it_is_named(board, bundle, tmp_path):
    (board.tools / "docker").unlink()
    code, _, err = board.call(bundle, "--docker", *QUICK, cwd=tmp_path)
    assert (code, err.splitlines()[-1].startswith("edgesynth: on 127.0.0.1: docker was not found")) == (2, True)
    assert board.is_clean()
