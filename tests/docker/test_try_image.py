"""The script that builds and walks the workstation's image. It was run for real: docker/README.md says on what."""

import re
import shlex
import shutil
import subprocess

import click
import pytest

from edgesynth.cli import group
from tests.conftest import ROOT

SCRIPT = ROOT / "docker/try_image.sh"
WALKS = [shlex.split(line)[1:] for line in re.findall(r"^walk .*$", SCRIPT.read_text(), re.MULTILINE)]


def test_it_is_executable_and_stops_at_the_first_error():
    assert SCRIPT.stat().st_mode & 0o111
    assert "\nset -euo pipefail\n" in SCRIPT.read_text()


def test_it_walks_from_evolve_to_report():
    assert [walk[0] for walk in WALKS] == ["--version", "evolve", "export", "benchmark", "report"]


@pytest.mark.parametrize("walk", WALKS[1:], ids=lambda walk: walk[0])
def test_each_step_is_a_command_line_that_edgesynth_takes(walk, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/digits/bundles/best").mkdir(parents=True)
    name, *arguments = walk
    command = group.get_command(click.Context(group), name)
    command.make_context(name, arguments)


def test_without_buildah_it_says_how_to_get_it(tmp_path):
    bash = shutil.which("bash")
    done = subprocess.run([bash, str(SCRIPT)], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "try_image.sh: buildah is not here; on Debian and Ubuntu: apt-get install buildah\n"


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed here")
def test_shellcheck_has_nothing_to_say():
    done = subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
