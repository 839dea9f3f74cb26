"""What keeps a measurement on another machine from beginning: exit code 2, one line that says why, nothing left."""

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.benchmark.conftest import read_npz, write_manifest

from .conftest import QUICK


def refused(machine, bundle, *arguments, **more):
    code, out, err = machine.call(bundle, *QUICK, *arguments, cwd=bundle.parent, **more)
    assert (code, out) == (2, ""), err
    lines = [line for line in err.splitlines() if not line.startswith(("connecting: ", "sending: "))]
    assert len(lines) == 1 and lines[0].startswith("edgesynth: "), err
    assert not (bundle / "result.json").exists()
    assert machine.is_clean()
    return lines[0]


def tool(path, text):
    path.write_text("#!/bin/sh\n" + text + "\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_host_key_that_changed(machine, bundle):
    machine.knows((machine.folder / "user.pub").read_text())
    line = refused(machine, bundle)
    assert "on 127.0.0.1: its host key is not the one that is known here" in line
    assert f"ssh-keygen -R '[127.0.0.1]:{machine.port}'" in line


def test_a_host_key_that_is_not_known(machine, bundle):
    (machine.folder / "known").write_text("")
    line = refused(machine, bundle)
    assert "its host key is not known here; log in once by hand and compare the key" in line
    assert line.endswith(f": ssh -p {machine.port} {machine.user}@127.0.0.1")


def test_a_login_that_is_refused(machine, bundle):
    (machine.folder / "authorized").write_text("")
    assert "the login was refused; it must work without a password (ssh-copy-id" in refused(machine, bundle)


def test_a_port_where_nothing_listens(machine, bundle):
    machine.daemon.kill()
    machine.daemon.wait()
    assert "nothing listens for ssh there" in refused(machine, bundle)


def test_a_host_that_nobody_knows(machine, bundle):
    machine.address = "ssh://nobody.invalid"
    assert "on nobody.invalid: there is no host of that name" in refused(machine, bundle)


def test_no_ssh_here(machine, bundle):
    assert "ssh was not found; install it" in refused(machine, bundle, PATH=str(machine.folder / "empty"))


def test_no_python_there(machine, bundle):
    line = refused(machine, bundle, python="python3.99")
    assert "python3.99 was not found there; install it" in line
    assert "--remote-python" in line


def test_a_python_of_there_that_is_too_old(machine, bundle):
    code = "import sys; sys.version_info = (3, 5, 2); exec(sys.argv[1])"
    old = tool(machine.folder / "old", f"""exec {sys.executable} -c '{code}' "$2" """)
    assert f"{old} is Python 3.5.2, and 3.6 is the oldest that will do" in refused(machine, bundle, python=old)


def test_python_2(machine, bundle):
    python2 = next(iter(sorted(Path.home().glob(".pyenv/versions/2.7*/bin/python"))), None) or shutil.which("python2.7")
    if python2 is None:
        pytest.skip("no Python 2.7 here")
    assert "is Python 2.7." in refused(machine, bundle, python=python2)


def test_no_numpy_there(machine, bundle):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", machine.folder / "bare"], check=True)
    line = refused(machine, bundle, python=machine.folder / "bare/bin/python")
    assert "numpy cannot be imported by" in line
    assert "No module named 'numpy'" in line
    assert "bare/bin/python -m pip install numpy" in line


def test_no_engine_there(machine, bundle):
    line = refused(machine, bundle, "--engine", "tensorrt")
    assert "on 127.0.0.1: the engine tensorrt needs TensorRT for Python, which cannot be imported here" in line


def test_mistakes_of_here_are_found_before_anybody_is_asked(machine, bundle):
    machine.address = "ssh://nobody.invalid"
    (bundle / "model.onnx").write_bytes(b"x")
    assert "is not the file that was exported" in refused(machine, bundle)
    assert "the batch is 0" in refused(machine, bundle, "--batch", "0")


def with_many_samples(bundle, megabytes):
    arrays = read_npz(bundle)
    noise = np.random.default_rng(0).integers(0, 256, megabytes << 20, dtype=np.uint8)
    np.savez(bundle / "samples.npz", **arrays, noise=noise)
    write_manifest(bundle)


def test_files_beyond_what_may_be_written_there(machine, bundle):
    with_many_samples(bundle, 4)
    limited = tool(machine.folder / "limited", f'ulimit -f 2048; exec {sys.executable} "$@"')
    line = refused(machine, bundle, python=limited)
    assert f"nothing more can be written in its {machine.cache}/edgesynth/remote (File too large)" in line


def test_a_result_beyond_what_may_be_written_there(machine, bundle):
    limited = tool(machine.folder / "limited", f'ulimit -f 1000; exec {sys.executable} "$@"')
    code, _, err = machine.call(bundle, *QUICK, "--duration-s", "6", cwd=bundle.parent, python=limited)
    assert code == 2
    assert err.splitlines()[-1] == "edgesynth: on 127.0.0.1: the result cannot be written there: File too large"
    assert machine.is_clean() and not (bundle / "result.json").exists()


@pytest.fixture
def full_disk(machine):
    """The cache there is a disk of its own, made with room for so many KiB."""
    machine.cache.mkdir()

    def make(size_kib):
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", machine.cache]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("a disk cannot be mounted here")

    yield make
    subprocess.run(["umount", machine.cache], capture_output=True)


def test_a_disk_of_there_that_has_no_room_for_the_bundle(machine, bundle, full_disk):
    full_disk(2048)
    with_many_samples(bundle, 4)
    line = refused(machine, bundle)
    assert "nothing more can be written in its" in line and "(No space left on device)" in line
    kept = [path.name for path in (machine.cache / "edgesynth/remote").rglob("*") if path.is_file()]
    assert len(kept) == 3 and all(len(name) == 64 for name in kept)


def test_a_disk_of_there_that_has_no_room_at_all(machine, bundle, full_disk):
    full_disk(64)
    assert "(No space left on device); make room there" in refused(machine, bundle)


@pytest.mark.parametrize(
    "address",
    [
        *("tx2", "user@tx2", "http://tx2", "", "LOCAL"),
        *("ssh://", "ssh://user@", "ssh://tx2:0", "ssh://tx2:99999", "ssh://tx2/home", "ssh://user:secret@tx2"),
        *("ssh://-oProxyCommand=x", "ssh://-l@tx2", "ssh://tx2 -v"),
    ],
)
def test_what_is_no_address(edgesynth, bundle, address):
    code, _, err = edgesynth("benchmark", bundle, "--on", address)
    assert code == 2
    assert err == (
        f"edgesynth: {address!r} is no machine to measure on; give local (this one) or ssh://user@host[:port]\n"
    )


@pytest.mark.parametrize("options", [["--docker"], ["--remote-python", "python3.6"]])
def test_what_is_for_another_machine_alone(edgesynth, bundle, options):
    code, _, err = edgesynth("benchmark", bundle, *options)
    assert code == 2
    assert "--docker and --remote-python are for another machine" in err
