"""A run of a tiny network as `evolve` leaves it, drawn by hand: nothing is trained."""

import shutil

import numpy as np
import pytest
import torch

from edgesynth.anatomy import remove
from edgesynth.lineage import Genome, Individual, Predictions, Record, Run, resolve, species, state
from edgesynth.tasks import load_task
from tests.tiny_ancestor import NAME


@pytest.fixture(scope="session")
def tiny():
    """The species of the tiny network."""
    return species(NAME, load_task("digits"), 0)


@pytest.fixture(scope="session")
def whole_run(tiny, tmp_path_factory):
    """Folder of a finished run of an ancestor and an offspring, to be copied."""
    run = Run.create(tmp_path_factory.mktemp("whole") / "run", resolve(None, {"ancestor": NAME}))
    cut = Genome({"0": [0, 2, 5], "3": [*range(7)]}, {"3.weight": torch.zeros(20, 150, dtype=torch.bool)})
    cut.synapses["3.weight"][:7, :11] = True
    for place, parents, genome in (((0, 0), (), Genome.unpruned(tiny.anatomy)), ((1, 0), ("g000-c0",), cut)):
        record = Record(*place, parents, 90.0 + place[0], True, genome.census(tiny.anatomy), {}, {"epochs": 1})
        run.save(Individual(record, genome, state(remove(tiny.model, tiny.plan(genome)))))
        run.save_measured(record.name, {"breeding_s": 1.5})
        run.save_tested(record.name, 88.0)
        run.save_extra_metrics(record.name, {"MAE": 0.25})
    run.save_outcome({"stopped": "budget", "reason": "it is small", "best": "g001-c0", "min_accuracy": 80.0})
    run.save_task(load_task("digits").to_json())
    answers = np.zeros((2, 10), np.float32)
    images = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28, 1)
    Predictions(("g000-c0", "g001-c0"), "classes", images, np.array([1, 2]), answers, answers + 1).write(run.path)
    return run.path


@pytest.fixture
def tiny_run(whole_run, tmp_path):
    """A copy of the run, to be damaged."""
    return Run.open(shutil.copytree(whole_run, tmp_path / "run"))
