"""Kill, fill the disk, give nonsense: nothing finished is lost, and the user gets one clear line."""

import hashlib
import json
import os
import random
import resource
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest

from edgesynth.cli.commands.evolve import _continued_with
from edgesynth.errors import UserError
from edgesynth.lineage import Run, alone_in, resolve
from edgesynth.lineage.storage.files import write_bytes

from ..conftest import ROOT

TINY = ["--ancestor", "tiny_ancestor:build", "--task", "digits", "--ancestor-epochs", "6", "--generations", "3"]
TINY += ["--epochs", "2", "--final-epochs", "3", "--keep", "0.6", "--min-accuracy", "15"]


def fingerprint(run):
    """Hash of every file that a replay must give again."""
    files = sorted(
        path
        for path in run.rglob("*")
        if path.name in ("individual.json", "genome.json", "weights.safetensors", "outcome.json")
    )
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def with_ancestor(folder):
    """A working directory with a network of the user's that learns in a moment."""
    shutil.copy(ROOT / "tests" / "tiny_ancestor.py", folder)
    return folder


@pytest.fixture
def here(tmp_path):
    return with_ancestor(tmp_path)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, console_script):
    """Bred by an interpreter of its own: those that go on with the killed runs have another seed of hashes."""
    folder = with_ancestor(tmp_path_factory.mktemp("unbroken"))
    result = console_script("evolve", *TINY, "--run", "run", cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder / "run", result


def test_evolve_prints_every_individual_the_reason_and_the_next_step(unbroken):
    run, result = unbroken
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:7]] == [
        "g000-c0",
        *[f"g{g:03d}-c{c}" for g in (1, 2, 3) for c in (0, 1)],
    ]
    assert "Stopped: all 3 generations are bred." in lines
    assert lines[-1] == "Next: edgesynth export run --int8"
    assert (run / "test.json").is_file()


@pytest.mark.parametrize("kill_after", ["g000-c0", "g001-c0", "g002-c1"])
def test_a_killed_run_resumes_to_the_same_lineage_bit_for_bit(here, unbroken, edgesynth, kill_after):
    process = edgesynth.start("evolve", *TINY, "--run", "run", cwd=here)
    marker = here / "run" / "individuals" / kill_after / "individual.json"
    deadline = time.monotonic() + 300
    while not marker.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert marker.exists() and not (here / "run" / "outcome.json").exists()
    before = fingerprint(here / "run")

    result = edgesynth("evolve", "--run", "run", "--resume", cwd=here)
    assert result.returncode == 0, result.stderr
    assert "kept from before" in result.stdout
    after = fingerprint(here / "run")
    assert {name: after[name] for name in before if "individual.json" in name} == {
        name: before[name] for name in before if "individual.json" in name
    }
    assert after == fingerprint(unbroken[0])


def test_kills_at_random_moments_leave_the_same_lineage(here, unbroken, edgesynth):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    moments, killed = random.Random(seed), 0
    for _ in range(4):
        resumed = ["--resume"] if (here / "run" / "config.toml").exists() else []
        process = edgesynth.start("evolve", *TINY, "--run", "run", *resumed, cwd=here)
        deadline = time.monotonic() + 60
        while not (here / "run").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(moments.choice([0, moments.uniform(0, 0.01), moments.uniform(0, 3)]))
        killed += process.poll() is None
        process.kill()
        process.wait()
    assert killed
    result = edgesynth("evolve", *TINY, "--run", "run", "--resume", cwd=here)
    assert result.returncode == 0, result.stderr
    assert fingerprint(here / "run") == fingerprint(unbroken[0])


def test_a_run_killed_before_its_configuration_was_whole_begins_anew(here, edgesynth):
    (here / "run" / "individuals").mkdir(parents=True)
    (here / "run" / ".config.toml.77.tmp").write_text("schema_ver")
    shorter = [*TINY, "--ancestor-epochs", 1, "--generations", 1, "--offspring", 1]
    result = edgesynth("evolve", *shorter, "--run", "run", "--resume", cwd=here)
    assert result.returncode == 0, result.stderr
    assert (here / "run" / "individuals" / "g001-c0" / "individual.json").is_file()


def test_ctrl_c_says_that_what_had_finished_is_kept(here, edgesynth):
    process = edgesynth.start("evolve", *TINY, "--run", "run", cwd=here)
    marker = here / "run" / "individuals" / "g000-c0" / "individual.json"
    deadline = time.monotonic() + 300
    # Not while the latency is measured: imports that this is the first to need may swallow the interrupt.
    figures = marker.with_name("measured.json")
    while (
        not (figures.exists() and "latency_ms" in figures.read_text())
        and process.poll() is None
        and time.monotonic() < deadline
    ):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    code, (_, stderr) = process.wait(), process.read()
    assert code == 130, stderr
    assert stderr.strip() == "edgesynth: stopped by Ctrl-C; what had finished is kept"
    assert marker.exists()


def test_resuming_with_other_options_is_refused_and_names_them(unbroken, edgesynth, refused):
    before = fingerprint(unbroken[0])
    result = edgesynth("evolve", "--run", "run", "--resume", "--keep", "0.25", cwd=unbroken[0].parent)
    refused(result, "was started with other options: keep was 0.6 and is 0.25")
    assert fingerprint(unbroken[0]) == before


def test_resuming_a_run_that_there_is_none_of_is_refused_and_begins_none(tmp_path, edgesynth, refused):
    result = edgesynth("evolve", "--run", "runs/tyop", "--resume", cwd=tmp_path)
    refused(result, "runs/tyop is no run; leave --resume out to start one")
    refused(edgesynth("evolve", "--resume", cwd=tmp_path), "runs/lenet5-digits-0 is no run")
    assert list(tmp_path.iterdir()) == []


def test_a_run_directory_that_exists_is_refused_and_left_as_it_was(unbroken, edgesynth, refused):
    before = fingerprint(unbroken[0])
    refused(edgesynth("evolve", *TINY, "--run", "run", cwd=unbroken[0].parent), "run exists already", "--resume")
    assert fingerprint(unbroken[0]) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--ancestor", "lenet6"], ["no ancestor 'lenet6'", "lenet5"]),
        (["--task", "mnits"], ["no task 'mnits'", "digits, mnist"]),
        (["--task", "mnist"], ["--data-root"]),
        (["--task", "mnist", "--data-root", "nowhere"], ["nowhere holds no MNIST"]),
        (["--keep", "0"], ["--keep is 0.0", "greater than 0"]),
        (["--keep", "1.5"], ["--keep is 1.5", "less than or equal to 1"]),
        (["--config", "nowhere.toml"], ["nowhere.toml cannot be read"]),
        (["--max-macs", "16025"], ["--max-macs is 16,025", "has 16,026 macs", "set it to 16,026 or more"]),
    ],
)
def test_a_bad_option_is_refused_before_anything_is_written(tmp_path, edgesynth, refused, arguments, words):
    refused(edgesynth("evolve", *arguments, "--run", "run", cwd=tmp_path), *words)
    assert list(tmp_path.iterdir()) == []


def test_an_accuracy_floor_above_the_ancestor_s_is_refused_and_the_ancestor_kept(here, edgesynth, refused):
    result = edgesynth("evolve", *TINY, "--ancestor-epochs", 1, "--min-accuracy", 100, "--run", "run", cwd=here)
    refused(result, "--min-accuracy is 100 % and the ancestor has", "--resume and a lower one")
    assert (here / "run/individuals/g000-c0/individual.json").is_file()


def test_a_run_without_a_feasible_offspring_says_so_and_cannot_be_exported(here, edgesynth, refused):
    options = [*TINY, "--epochs", 0, "--final-epochs", 0, "--keep", 0.001, "--generations", 1]
    result = edgesynth("evolve", *options, "--run", "run", cwd=here)
    refused(result, "run has no feasible offspring", "below the floor", "--keep")
    refused(edgesynth("export", "run", cwd=here), "no best individual", "g000-c0")


def test_a_full_disk_before_the_run_begins_is_one_line_and_leaves_nothing(here, edgesynth, refused):
    """A limit on the size of files stands in for the disk: writing beyond it fails in the same place."""
    result = edgesynth("evolve", *TINY, "--ancestor-epochs", 1, "--run", "run", cwd=here, file_size=9 << 10)
    refused(result, "File too large. Nothing finished was lost; mend this and run the same command again")
    assert not (here / "run").exists()


def test_what_a_full_disk_says_to_do_about_a_run_that_has_begun_works(here, edgesynth, monkeypatch):
    monkeypatch.chdir(here)
    names = [word.removeprefix("--").replace("-", "_") for word in TINY[::2]]
    Run.create(Path("run"), resolve(None, {**dict(zip(names, TINY[1::2], strict=True)), "generations": 1}))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(UserError) as error, _continued_with(Path("run")):
            write_bytes(Path("run/given.safetensors"), bytes(1 << 21))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sorted(path.name for path in Path("run").iterdir()) == ["config.toml", "individuals"]
    said, _, advice = str(error.value).partition("go on with: ")
    assert said == "File too large. Nothing finished was lost; mend this and "
    assert advice == "edgesynth evolve --run run --resume"
    again = edgesynth(*advice.split()[1:], cwd=here)
    assert again.returncode == 0, again.stderr
    assert "Stopped: all 1 generations are bred." in again.stdout


def test_what_the_disk_cannot_hold_is_refused_before_anything_is_trained(here, edgesynth, refused):
    (here / "vast.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(784, 20000), nn.ReLU(), nn.Linear(20000, 10))\n"
    )
    vast = ["--ancestor", "vast:build", "--encoding", "synapse", "--generations", 999, "--offspring", 99]
    result = edgesynth("evolve", *vast, "--run", "run", cwd=here)
    refused(result, "run will take about 6,1", "GiB (its ancestor and 999 generations)", "are free on its disk")
    assert not (here / "run").exists()


def test_a_second_evolve_is_told_who_breeds_and_the_lock_of_a_killed_one_is_taken_over(here, edgesynth, refused):
    longer = [*TINY, "--epochs", "2000"]
    process = edgesynth.start("evolve", *longer, "--run", "run", cwd=here)
    marker = here / "run" / "individuals" / "g000-c0" / "individual.json"
    deadline = time.monotonic() + 300
    while not marker.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    who = f"host {socket.gethostname()}, process {process.pid}"
    try:
        for more in ([], ["--resume"], ["--resume", "--keep", "0.25"]):
            refused(edgesynth("evolve", "--run", "run", *more, cwd=here), "run is being bred", who)
        assert edgesynth("report", "run", cwd=here).returncode == 0
    finally:
        process.kill()
        process.wait()
    lock = here / "run" / ".lock"
    assert json.loads(lock.read_text())["pid"].split()[0] == str(process.pid)
    with alone_in(here / "run"):
        assert json.loads(lock.read_text())["pid"].split()[0] == str(os.getpid())


@pytest.mark.parametrize(
    ("run", "words"), [("file/run", "Not a directory"), ("r" * 300, "File name too long")], ids=["file", "long"]
)
def test_a_run_directory_that_cannot_be_is_one_line(tmp_path, edgesynth, refused, run, words):
    (tmp_path / "file").write_text("kept")
    refused(edgesynth("evolve", "--ancestor-epochs", 1, "--run", run, cwd=tmp_path), words)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
