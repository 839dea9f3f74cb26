"""Runs that go on with other options, as messages advise: while no offspring is bred, but for the ancestor's own."""

import pytest

from edgesynth.errors import UserError
from edgesynth.evolution import evolve
from edgesynth.lineage import Run, resolve

TINY = {"ancestor": "tests.tiny_ancestor:build", "ancestor_epochs": 4, "generations": 1, "epochs": 1, "final_epochs": 1}
TINY |= {"offspring": 1, "strength": "norm", "keep": 0.6, "min_accuracy": 5.0}
OFFSPRING = ("individual.json", "genome.json", "weights.safetensors", "config.toml", "outcome.json")


def config(**options):
    return resolve(None, {name: value for name, value in {**TINY, **options}.items() if value is not None})


def files(run):
    return {path.relative_to(run.path): path.read_bytes() for path in run.path.rglob("*") if path.name in OFFSPRING}


@pytest.fixture
def refused(tmp_path):
    """A run whose ancestor has less than its floor."""
    path = tmp_path / "run"
    with pytest.raises(UserError, match="go on with --resume and a lower one"):
        evolve(path, config(min_accuracy=100.0))
    return Run.open(path)


def test_a_floor_that_was_too_high_is_lowered_and_the_run_is_as_if_begun_so(refused, tmp_path):
    ancestor = refused.folder("g000-c0") / "weights.safetensors"
    trained = ancestor.stat().st_mtime_ns
    again = evolve(refused.path, config(keep=0.5), resume=True)
    assert ancestor.stat().st_mtime_ns == trained
    fresh = evolve(tmp_path / "fresh", config(keep=0.5))
    assert files(again) == files(fresh) and len(files(fresh)) == 2 * 3 + 2
    with pytest.raises(UserError, match=r"started with other options: keep was 0.5 and is 0.4; resume it"):
        evolve(again.path, config(keep=0.4), resume=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"learning_rate": 0.01}, "learning_rate was 0.002 and is 0.01"),
        ({"final_inheritance": "rewound"}, "final_inheritance was None and is rewound"),
        ({"board": "tx2"}, "board was None and is tx2"),
    ],
)
def test_what_the_ancestor_or_its_figures_depend_on_stays(refused, options, words):
    before = files(refused)
    with pytest.raises(UserError, match=words):
        evolve(refused.path, config(**options), resume=True)
    assert files(refused) == before


@pytest.mark.parametrize(
    ("floor", "advice"),
    [({"min_accuracy": 60.0}, "a lower --min-accuracy"), ({"min_accuracy": None}, "a higher --max-loss")],
)
def test_a_run_without_a_feasible_offspring_names_its_floor_and_a_way_that_spares_the_training(tmp_path, floor, advice):
    hopeless = {"keep": 0.001, "final_epochs": 0, "ancestor_epochs": 10, **floor}
    with pytest.raises(UserError, match=f"in another --run with {advice}, a higher --keep or more") as refusal:
        evolve(tmp_path / "run", config(**hopeless))
    weights, epochs = "individuals/g000-c0/weights.safetensors", "--ancestor-epochs 0"
    assert f"--weights {tmp_path / 'run' / weights} {epochs}" in str(refusal.value)
    other = {**hopeless, "keep": 0.9, "weights": tmp_path / "run" / weights, "ancestor_epochs": 0, "min_accuracy": 1.0}
    again, old = evolve(tmp_path / "other", config(**other)), Run.open(tmp_path / "run")
    assert again.record("g000-c0").validation == old.record("g000-c0").validation
