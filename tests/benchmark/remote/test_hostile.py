"""Files that lead out of their folder: refused here before anything is sent, and there before anything is written."""

import hashlib
import json
import os
import subprocess
import sys

import onnx
import pytest

from edgesynth.benchmark.remote import measure_on
from edgesynth.benchmark.remote.application import application, bootstrap_of
from edgesynth.benchmark.service.bootstrap import MARK
from edgesynth.benchmark.service.serving import LENGTH_DIGITS
from edgesynth.errors import UserError
from tests.benchmark.conftest import write_classifier

from .conftest import QUICK


def with_weights_at(location, path):
    model = onnx.load(str(write_classifier(path)))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("location", ["/etc/passwd", "../../secret.txt", "link"])
def test_a_model_that_names_a_foreign_file_is_refused_before_the_connection(tmp_path, edgesynth, location):
    (tmp_path / "secret.txt").write_text("secret")
    here = tmp_path / "a" / "b"
    here.mkdir(parents=True)
    (here / "link").symlink_to("/etc/passwd")
    path = with_weights_at(location, here / "model.onnx")
    # Nothing listens there: a connection would be refused in other words.
    for where in (["--on", "ssh://nobody@127.0.0.1:1"], []):
        code, out, err = edgesynth("benchmark", path, *QUICK, *where)
        assert (code, out, len(err.splitlines())) == (2, "", 1)
        assert err.startswith(f"edgesynth: {path} names the file {location!r}, which is ")
        assert "nothing but files in its own folder is opened or sent" in err


def test_a_bundle_whose_file_is_a_link_is_refused(bundle, edgesynth):
    for name in ("model.onnx", "samples.npz", "manifest.json"):
        there = bundle.parent / name
        (bundle / name).rename(there)
        (bundle / name).symlink_to(there)
        code, out, err = edgesynth("benchmark", bundle, *QUICK)
        assert (code, out) == (2, "")
        assert f"names the file {name!r}, which is a symbolic link" in err
        (bundle / name).unlink()
        there.rename(bundle / name)


class There:
    """The other machine's side of a connection, without ssh: its answers to one order."""

    def __init__(self, folder, python=sys.executable):
        environment = {**os.environ, "XDG_CACHE_HOME": str(folder), "EDGESYNTH_LOCK": str(folder / "lock")}
        environment.pop("PYTHONPATH", None)
        self.content = application()
        command = [python, "-c", bootstrap_of(self.content)]
        self.process = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def answers(self, files, contents, **order):
        """All frames, for an order whose files it is given as they are."""
        options = {"precisions": None, "duration_s": 0.01, "warm_up_s": 0.0, "idle_s": 0.0}
        whole = {"name": "file", "file": None, "files": files, "options": options, "docker": False, "image": None}
        text = json.dumps({**whole, "silence_s": 30.0, "shown": "here", **order}).encode()
        sent = self.content + str(len(text)).zfill(LENGTH_DIGITS).encode() + text + b"".join(contents)
        # The worker ends with the connection, so that stays open until the answer is there.
        self.process.stdin.write(sent)
        self.process.stdin.flush()
        lines = [line.partition(MARK.encode())[2] for line in self.process.stdout]
        self.process.stdin.close()
        self.process.wait(timeout=60)
        return [json.loads(line) for line in lines if line]


def sent(name, content):
    return [name, hashlib.sha256(content).hexdigest(), len(content)]


@pytest.mark.parametrize("name", ["../../../escaped", "/tmp/escaped-from-an-order", "a/../../escaped"])
def test_an_order_that_names_a_foreign_file_writes_nothing_there(tmp_path, name):
    (tmp_path / "cache").mkdir()
    frames = There(tmp_path / "cache").answers([sent(name, b"content")], [b"content"])
    assert frames[-1]["error"].startswith(f"the order names the file {name!r}, which is ")
    assert not list(tmp_path.rglob("*escaped*")) and not os.path.exists("/tmp/escaped-from-an-order")
    assert not list((tmp_path / "cache").glob("edgesynth/remote/run-*"))


@pytest.mark.parametrize("order", [{"name": "../../../x"}, {"name": "file", "file": "../../../../x"}])
def test_an_order_for_a_foreign_folder_is_refused(tmp_path, order):
    frames = There(tmp_path).answers([], [], **order)
    assert frames[-1]["error"].startswith("the order names the file '../")


def test_a_model_that_names_a_foreign_file_is_not_opened_there_either(tmp_path):
    model = with_weights_at("/etc/passwd", tmp_path / "m.onnx").read_bytes()
    (tmp_path / "cache").mkdir()
    frames = There(tmp_path / "cache").answers([sent("m.onnx", model)], [model], file="m.onnx")
    assert "names the file '/etc/passwd', which is an absolute path" in frames[-1]["error"]


def test_a_sound_model_is_measured_there(tmp_path):
    content = write_classifier(tmp_path / "m.onnx").read_bytes()
    (tmp_path / "cache").mkdir()
    frames = There(tmp_path / "cache").answers([sent("m.onnx", content)], [content], file="m.onnx")
    assert frames[-1]["result"]["measurements"][0]["file"] == "m.onnx"


@pytest.mark.parametrize(("answer", "why"), [("'[' * 50000", "nested too deeply"), ("'[1]'", "no object")])
def test_what_no_edgesynth_says_is_refused_in_one_line(tmp_path, bundle, answer, why, monkeypatch):
    """A stand-in for ssh: whatever it is asked, it answers the same."""
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin/ssh"
    ssh.write_text(f"#!{sys.executable}\nimport sys\nprint({MARK!r} + {answer}, flush=True)\nsys.stdin.buffer.read()\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(ssh.parent), prepend=os.pathsep)
    with pytest.raises(UserError) as error:
        measure_on("ssh://user@board", str(bundle))
    assert str(error.value) == f"on board: what came back is not of edgesynth ({why}); try again"
