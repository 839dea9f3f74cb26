"""Preflight: what is refused before a training, and in which order."""

import os
from types import SimpleNamespace

import pytest

from edgesynth.errors import UserError
from edgesynth.evolution import Progress, build_executor
from edgesynth.evolution.preflight import disk_space
from edgesynth.evolution.preflight.preflight import preflight
from edgesynth.lineage import Figures, resolve
from tests import few_digits

FAULTS = {
    "parents": 3,
    "task": "nothing",
    "ancestor": "nobody",
    "encoding": "synapse",
    "allocation": "macs",
    "max_macs": 1,
    "weights": "nowhere.pth",
    "measure_on": "local",
    "max_latency_ms": 1e-9,
    "ancestor_epochs": 1,
}
# The first check that fails, and what is given next so that it passes.
ORDER = [
    ("--parents is 3 and only 2 of a generation", {"parents": 1}),
    ("nothing", {"task": few_digits.NAME}),
    ("nobody", {"ancestor": "lenet5"}),
    ("--allocation is macs, which shares out the clusters", {"allocation": "strength"}),
    ("--max-macs is 1 and the smallest network", {"max_macs": 1_000_000}),
    ("free on its disk", {}),
    ("--weights nowhere.pth is not a file", {"weights": None}),
    ("the network cannot be exported", {}),
    ("measure_on is local and nothing that measures was given", {}),
    ("--max-latency-ms is 1e-09 and the smallest network that lenet5 can become was measured on local", {}),
]


def refusing(*given):
    raise UserError("the network cannot be exported")


def stopwatch(network, input_shape, bred, known):
    return Figures("ab", "local", "fp32", 1.0, (0.9, 1.1))


@pytest.fixture
def full_disk(monkeypatch):
    """A disk with a byte free; call it to make room."""
    monkeypatch.setattr(disk_space.shutil, "disk_usage", lambda path: SimpleNamespace(free=1))
    return monkeypatch.undo


def test_checks_come_in_one_order_and_each_is_passed_before_the_next(tmp_path, full_disk):
    given, handed = {**FAULTS}, {"rehearse": refusing}
    for words, cure in ORDER:
        with pytest.raises(UserError) as refused:
            preflight(tmp_path / "run", resolve(None, given), False, Progress(), build_executor("process"), **handed)
        assert words in str(refused.value)
        given.update(cure)
        if "disk" in words:
            full_disk()
        elif "exported" in words:
            del handed["rehearse"]
        elif "nothing that measures" in words:
            handed["instrument"] = stopwatch
    assert os.listdir(tmp_path) == []


def test_what_passes_is_handed_on_with_all_that_is_to_be_reported(tmp_path):
    config = resolve(None, {"task": few_digits.NAME, "max_macs": 1_000_000, "batch_size": 4096})
    cleared = preflight(
        tmp_path / "run",
        config,
        False,
        Progress(),
        build_executor("process"),
        rehearse=lambda config, kind, task, weights, precision: [f"rehearsed {kind.input_shape}", str(weights)],
    )
    assert cleared.breeder.budgets.limits == {"macs": 1_000_000} and not cleared.has_ancestor
    images = len(cleared.task.train.labels)
    heard = [note for note in cleared.notes if note not in cleared.task.notes]
    assert heard == [
        f"train has {images} images and --batch-size is 4096, so an epoch is one step; a smaller --batch-size makes "
        "more of each",
        f"rehearsed {cleared.breeder.species.input_shape}",
        "None",
    ]


def test_generative_synthesis_has_nothing_to_share_out_and_says_so_before_data_are_looked_for(tmp_path):
    config = resolve(None, {"strategy": "generative", "task": "nothing"})
    with pytest.raises(UserError, match="there is nothing to share out; use --executor process"):
        preflight(tmp_path / "run", config, False, Progress(), build_executor("ray"))
