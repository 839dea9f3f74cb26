"""`edgesynth evolve --measure-on ssh://`: a board that goes away pauses the run, and it goes on when it is back."""

import json
import subprocess
import sys
import time

from tests.benchmark.remote.conftest import machine
from tests.commands import EDGESYNTH
from tests.conftest import ROOT

assert machine  # a fixture

OPTIONS = ["--ancestor", "tests.tiny_ancestor:build", "--ancestor-epochs", 2, "--epochs", 1, "--final-epochs", 1]
OPTIONS += ["--generations", 1, "--min-accuracy", 0, "--strength", "magnitude", "--measure-duration-s", 0.05]


def words(machine, *more):
    given = [EDGESYNTH, "evolve", *more, "--run", "run", "--remote-python", sys.executable]
    return {"args": [str(word) for word in given], "env": machine.environment(PYTHONPATH=str(ROOT))}


def test_a_board_that_goes_away_pauses_the_run_in_one_line_and_resume_goes_on(machine, tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    options = {"cwd": folder, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(**words(machine, *OPTIONS, "--measure-on", machine.address), **options)
    individuals = folder / "run" / "individuals"
    deadline = time.monotonic() + 90
    while not (individuals / "g000-c0" / "figures.json").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    machine.stop()
    _, said = process.communicate(timeout=90)
    lines = said.strip().splitlines()
    assert process.returncode == 2 and len(lines) == 1, said
    assert "the run is paused and nothing is lost" in lines[0]
    assert lines[0].endswith("go on with: edgesynth evolve --run run --resume")
    before = {path.name for path in (folder / "run" / "measurements").iterdir()}
    assert before and not (folder / "run" / "outcome.json").exists()

    machine.start()
    done = subprocess.run(**words(machine, "--resume"), **options, timeout=90)
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "run" / "outcome.json").read_text())["stopped"] == "generations"
    assert f"g001-c0  measured on {machine.address} (fp32, batch 1): " in done.stdout
    after = {path.name for path in (folder / "run" / "measurements").iterdir()}
    assert before < after


def test_a_board_that_is_not_there_is_said_before_anything_is_trained(tmp_path, edgesynth, refused):
    result = edgesynth("evolve", "--measure-on", "ssh://nobody@127.0.0.1:1", "--run", "run", cwd=tmp_path)
    refused(result, "127.0.0.1")
    assert not (tmp_path / "run").exists()
