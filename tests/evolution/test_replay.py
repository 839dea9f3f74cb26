from dataclasses import replace

import pytest
import torch

from edgesynth.errors import UserError
from edgesynth.evolution import evolve, replay
from edgesynth.evolution.loop.replay import first_difference
from edgesynth.lineage import Run, resolve
from edgesynth.lineage.storage.sealed import read_sealed, write_sealed
from tests import few_digits
from tests.small_lenet import NAME

TINY = {
    "ancestor": NAME,
    "task": few_digits.NAME,
    "batch_size": 32,
    "ancestor_epochs": 2,
    "generations": 1,
    "epochs": 1,
    "final_epochs": 1,
    "offspring": 1,
    "min_accuracy": 10.0,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return evolve(tmp_path_factory.mktemp("run") / "run", resolve(None, TINY))


@pytest.fixture
def damaged(run, tmp_path):
    """A copy of the run, to be changed."""
    import shutil

    shutil.copytree(run.path, tmp_path / "copy")
    return Run.open(tmp_path / "copy")


@pytest.mark.parametrize("name", ["g000-c0", "g001-c0"])
def test_what_was_bred_is_bred_again_to_the_same_bits(run, name):
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    assert replay(run, name).difference == ""
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before


def test_one_bit_of_one_weight_is_found_and_named(damaged):
    bred = damaged.load("g001-c0")
    weights = bred.weights
    weights["fc1.bias"][3] += 0.25
    damaged.save(bred)
    outcome = replay(damaged, "g001-c0")
    assert not outcome
    count = len(weights["fc1.bias"])
    assert outcome.difference == f"weights.safetensors: fc1.bias differs in 1 of {count} values, by 0.25 at most"


def test_another_parent_gives_another_child(damaged):
    parent = damaged.load("g000-c0")
    weights = {name: tensor * 1.5 if tensor.is_floating_point() else tensor for name, tensor in parent.weights.items()}
    damaged.save(replace(parent, weights=weights))
    assert replay(damaged, "g001-c0").difference.startswith(("genome.json: ", "weights.safetensors: "))


def test_the_threads_of_the_first_time_are_used_again(run):
    assert run.threads("g001-c0") == torch.get_num_threads()
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        assert replay(run, "g001-c0")
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i: i.weights.__setitem__("fc1.bias", -i.weights["fc1.bias"] * 0), ""),
        (lambda i: i.weights.pop("fc1.bias"), "weights.safetensors: fc1.bias is in the run alone"),
        (lambda i: i.weights.__setitem__("fc1.bias", torch.zeros(3)), "fc1.bias was .* and is \\(3,\\) of float32"),
        (lambda i: i.genome.kept["conv1"].pop(), "genome.json: clusters.conv1 was .* and is "),
        (
            lambda i: i.record.nurture["losses"].__setitem__(0, 7.5),
            "individual.json: nurture.losses.0 was .* and is 7.5",
        ),
        (lambda i: i.files.__setitem__("inquisitor.json", b"{}"), "^inquisitor.json is in the replay alone$"),
        (lambda i: i.record.synthesis.__setitem__("more", 1), "individual.json: synthesis.more is in the replay alone"),
    ],
)
def test_the_first_difference_is_named_with_its_file_and_place(run, change, message):
    import re

    kept, again = run.load("g001-c0"), run.load("g001-c0")
    change(again)
    if message:
        assert re.search(message, first_difference(kept, again))
    else:
        assert "fc1.bias differs in" in first_difference(kept, again)


def test_nan_is_equal_to_itself_and_minus_zero_is_not_zero(run):
    kept, again = run.load("g001-c0"), run.load("g001-c0")
    for individual in (kept, again):
        individual.weights["fc1.bias"][0] = float("nan")
        individual.record.nurture["losses"][0] = float("nan")
    assert first_difference(kept, again) == ""
    kept.weights["fc1.bias"][1], again.weights["fc1.bias"][1] = 0.0, -0.0
    assert "fc1.bias differs in" in first_difference(kept, again)


def test_an_individual_that_was_lost_with_its_workers_has_nothing_to_compare(damaged):
    path = damaged.folder("g001-c0") / "individual.json"
    fate = {"epochs": 0, "losses": [], "died": "its worker died 3 times", "lost": True}
    write_sealed(path, {**read_sealed(path), "nurture": fate})
    with pytest.raises(UserError, match=r"g001-c0 was never nurtured \(its worker died 3 times\)"):
        replay(damaged, "g001-c0")


def test_an_individual_that_is_not_there_is_refused(run):
    with pytest.raises(UserError, match="no individual 'g007-c0'"):
        replay(run, "g007-c0")


def test_the_command_says_equal_with_0_and_different_with_1(edgesynth, run, damaged, refused):
    result = edgesynth("replay", f"{run.path}:g000-c0", cwd=run.path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{run.path}:g000-c0 is bit for bit what its parents' files give again.\n"
    path = damaged.folder("g000-c0") / "individual.json"
    record = read_sealed(path)
    write_sealed(path, {**record, "validation": 12.5})
    result = edgesynth("replay", f"{damaged.path}:g000-c0", cwd=run.path)
    assert result.returncode == 1
    assert result.stdout == (
        f"{damaged.path}:g000-c0 differs: individual.json: validation was 12.5 and is {record['validation']}.\n"
    )
    refused(edgesynth("replay", str(run.path / "nowhere"), cwd=run.path), "is not a run")
