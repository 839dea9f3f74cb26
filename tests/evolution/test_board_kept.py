"""A run keeps what the JSON file of its board held: a file that changes, or goes, changes nothing that is bred."""

import json

import pytest

from edgesynth.errors import UserError
from edgesynth.evolution import evolve, options_of, replay
from edgesynth.lineage import Config, Run, board_of, changed_board, resolve
from tests.conftest import ROOT
from tests.evolution.test_resuming import OPTIONS
from tests.tasks.own.test_own_tasks import write_images

MINE = {
    "name": "mine",
    "sm": [8, 7],
    "ops_per_cycle": {"fp32": 2048, "fp16": 16384, "int8": None},
    "modes": [{"name": "MAXN", "gpu_mhz": 1020, "bandwidth_gb_s": 102}],
}
SLOWER = {**MINE, "memory_gb": 4, "modes": [{"name": "MAXN", "gpu_mhz": 510, "bandwidth_gb_s": 51}]}
CHANGED = (
    'modes was [{"bandwidth_gb_s": 102, "gpu_mhz": 1020, "name": "MAXN"}] and is '
    '[{"bandwidth_gb_s": 51, "gpu_mhz": 510, "name": "MAXN"}], memory_gb was not given and is 4'
)


@pytest.fixture
def place(tmp_path):
    """A folder with a finished run on images, and the file of its board beside it."""
    (tmp_path / "mine.json").write_text(json.dumps(MINE))
    photos = write_images(tmp_path / "photos", 12)
    config = Config(task=f"imagefolder:{photos}", board=str(tmp_path / "mine.json"), max_latency_ms=1e-9, **OPTIONS)
    with pytest.raises(UserError, match="max-latency-ms"):  # before anything is bred
        evolve(tmp_path / "refused", config)
    evolve(tmp_path / "run", Config(task=config.task, board=config.board, **OPTIONS))
    return tmp_path


def predicted(run):
    return run.measured("g001-c0")["predicted"]["latency_ms"]


def test_a_run_goes_on_and_is_replayed_with_the_board_that_it_was_started_with(place):
    before = predicted(Run.open(place / "run"))
    (place / "mine.json").write_text(json.dumps(SLOWER))
    config = options_of(place / "run", {"generations": 2})
    assert board_of(config).mode("maxn").gpu_mhz == 1020
    assert f"mine.json has changed since the run was started: {CHANGED}; the run's own copy" in changed_board(config)
    assert replay(Run.open(place / "run"), "g001-c0")
    (place / "run" / "individuals" / "g001-c0" / "individual.json").unlink()
    assert predicted(evolve(place / "run", options_of(place / "run", {}), resume=True)) == before


def test_a_run_that_is_given_the_changed_file_is_refused_and_left_as_it_was(place):
    (place / "mine.json").write_text(json.dumps(SLOWER))
    kept = (place / "run" / "config.toml").read_bytes()
    with pytest.raises(UserError) as refusal:
        evolve(place / "run", options_of(place / "run", {"board": str(place / "mine.json")}), resume=True)
    assert str(refusal.value) == (
        f"--board {place}/mine.json has changed since {place}/run was started: {CHANGED}; leave --board out to resume "
        "with the board that the run keeps, or give another --run for the board as it is now"
    )
    assert (place / "run" / "config.toml").read_bytes() == kept


def test_the_same_facts_in_another_order_and_a_file_that_is_gone_change_nothing(place):
    given = {"board": str(place / "mine.json")}
    (place / "mine.json").write_text(json.dumps(dict(reversed(MINE.items())), indent=4))
    assert changed_board(Run.open(place / "run").config) == ""
    evolve(place / "run", options_of(place / "run", given), resume=True)
    (place / "mine.json").unlink()
    evolve(place / "run", options_of(place / "run", given), resume=True)
    assert replay(Run.open(place / "run"), "g001-c0")


def test_the_commands_say_in_one_line_that_the_file_has_changed(place, edgesynth, refused):
    (place / "mine.json").write_text(json.dumps(SLOWER))
    run, board = str(place / "run"), str(place / "mine.json")
    path = {"PYTHONPATH": str(ROOT)}
    resumed = edgesynth("evolve", "--run", run, "--resume", cwd=place, env=path)
    assert (resumed.returncode, resumed.stderr.count("has changed since the run was started")) == (0, 1)
    refused(edgesynth("evolve", "--run", run, "--resume", "--board", board, cwd=place, env=path), CHANGED)
    replayed = edgesynth("replay", f"{run}:g001-c0", cwd=place, env=path)
    assert (replayed.returncode, replayed.stderr.count("has changed since the run was started")) == (0, 1)


def test_another_board_for_a_configuration_that_keeps_one_takes_nothing_of_it(place):
    config = resolve(place / "run" / "config.toml", {"board": "tx2"})
    assert config.board_facts is None and board_of(config).name == "tx2"
