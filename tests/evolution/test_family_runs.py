"""Whole runs with several parents, a proxy and patience, on real digits with a tiny network."""

import hashlib
import json

import pytest
from click.testing import CliRunner

from edgesynth.cli.commands.evolve import command
from edgesynth.evolution import Progress, evolve
from edgesynth.lineage import Config, Run
from tests import few_digits
from tests.tiny_ancestor import NAME

FAMILY = Config(
    ancestor=NAME,
    task=few_digits.NAME,
    batch_size=32,
    ancestor_epochs=6,
    generations=2,
    offspring=3,
    parents=2,
    quorum=0.5,
    proxy_epochs=1,
    survivors=2,
    epochs=2,
    final_epochs=2,
    keep=0.6,
    min_accuracy=15,
)


class Interrupted(Progress):
    """Stops the run, as a kill would, when so many individuals are saved."""

    def __init__(self, after):
        self.left = after

    def individual(self, record, seconds, resumed):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def fingerprint(run):
    names = ("individual.json", "genome.json", "weights.safetensors", "outcome.json")
    files = sorted(path for path in run.path.rglob("*") if path.name in names)
    return {str(path.relative_to(run.path)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return evolve(tmp_path_factory.mktemp("family") / "run", FAMILY)


def test_survivors_mate_and_the_others_keep_their_short_nurture(unbroken):
    records = {record.name: record for record in unbroken.records()}
    assert len(records) == 1 + 2 * 3
    for generation in (1, 2):
        siblings = [record for record in records.values() if record.generation == generation]
        assert sorted(record.nurture["epochs"] for record in siblings) == [1, 2, 2]
        assert [record.proxy for record in siblings] == [record.nurture["epochs"] == 1 for record in siblings]
    nurtured = sorted(
        (bred for bred in records.values() if bred.generation == 1 and not bred.proxy),
        key=lambda bred: (-bred.validation, bred.census.synapses, bred.child),
    )
    assert all(
        bred.parents == tuple(each.name for each in nurtured) for bred in records.values() if bred.generation == 2
    )
    assert records["g002-c0"].synthesis["mating"]["needed"] == 1


# The ancestor, then in each generation three of the first round and two of the second.
@pytest.mark.parametrize("after", [2, 4, 5, 10])
def test_a_run_that_is_interrupted_in_either_round_resumes_to_the_same_lineage(tmp_path, unbroken, after):
    with pytest.raises(KeyboardInterrupt):
        evolve(tmp_path / "run", FAMILY, progress=Interrupted(after))
    assert fingerprint(Run.open(tmp_path / "run")) != fingerprint(unbroken)
    assert fingerprint(evolve(tmp_path / "run", FAMILY, resume=True)) == fingerprint(unbroken)


def test_a_survivor_whose_record_was_not_yet_replaced_is_nurtured_again(tmp_path, unbroken):
    """A crash between the weights and the record of a full nurture leaves the proxy's record beside the new weights."""
    with pytest.raises(KeyboardInterrupt):
        evolve(tmp_path / "run", FAMILY, progress=Interrupted(4))
    run = Run.open(tmp_path / "run")
    survivor = next(bred for bred in unbroken.records() if bred.generation == 1 and not bred.proxy).name
    assert run.record(survivor).proxy
    weights = unbroken.folder(survivor) / "weights.safetensors"
    (run.folder(survivor) / "weights.safetensors").write_bytes(weights.read_bytes())
    assert fingerprint(evolve(tmp_path / "run", FAMILY, resume=True)) == fingerprint(unbroken)


def test_the_outcome_keeps_the_fronts_of_those_that_were_nurtured_in_full(unbroken):
    able = [record for record in unbroken.records() if record.feasible and not record.proxy]

    def beaten(individual, cost):
        return any(
            getattr(other.census, cost) <= getattr(individual.census, cost)
            and other.validation >= individual.validation
            and (getattr(other.census, cost), other.validation)
            != (getattr(individual.census, cost), individual.validation)
            for other in able
        )

    for cost, names in unbroken.outcome()["front"].items():
        front = [record for record in able if not beaten(record, cost)]
        points = {(getattr(record.census, cost), record.validation) for record in front}
        assert {record.name for record in front} >= set(names) and len(names) == len(points)


@pytest.mark.parametrize(("given", "loss"), [({}, 1.0), ({"max_loss": 40.0}, 40.0), ({"max_loss": 100.0}, None)])
def test_the_floor_is_so_many_points_below_the_ancestor_s_and_not_below_0(tmp_path, given, loss):
    config = Config(ancestor=NAME, ancestor_epochs=12, generations=1, offspring=1, keep=0.95, final_epochs=4, **given)
    outcome = evolve(tmp_path / "run", config).outcome()
    assert outcome["min_accuracy"] == (0.0 if loss is None else outcome["ancestor_validation"] - loss)


def test_patience_draws_milder_and_the_record_says_which_attempt(tmp_path):
    """A floor just under the ancestor's, which a hundredth of its synapses cannot reach."""
    upbringing = {"ancestor_epochs": 12, "generations": 1, "offspring": 1, "final_epochs": 2}
    config = Config(ancestor=NAME, **upbringing, keep=0.01, keep_clusters=1.0, patience=3)
    outcome = evolve(tmp_path / "run", config.model_copy(update={"min_accuracy": 60})).outcome()
    first, *others = [bred for bred in Run.open(tmp_path / "run").records() if bred.generation]
    assert not first.feasible and others[-1].feasible and outcome["best"] == others[-1].name
    for attempt, bred in enumerate([first, *others]):
        assert bred.synthesis["attempt"] == attempt and bred.parents == ("g000-c0",)
        # Of 6 filters of 7 x 7, 20 neurons of 150 inputs and 10 of 20.
        assert bred.synthesis["expected_synapses"] == pytest.approx((1 - 0.99 / 2**attempt) * (6 * 49 + 3000 + 200))


def test_the_command_marks_proxies_and_ends_with_the_fronts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {**FAMILY.model_dump(exclude_unset=True), "generations": 1}
    arguments = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    lines = CliRunner().invoke(command, [*arguments, "--run", "run"], catch_exceptions=False).output.splitlines()
    assert [line.split()[0] for line in lines[1:4] if line.endswith("(proxy)")] == ["g001-c0", "g001-c1", "g001-c2"]
    front = json.loads((tmp_path / "run/outcome.json").read_text())["front"]
    assert lines[-2] == f"Pareto front: by synapses {', '.join(front['synapses'])}; by MACs {', '.join(front['macs'])}."
    assert lines[-1] == "Next: edgesynth export run --int8"
