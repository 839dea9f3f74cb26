"""Runs at every stage: nothing finished, going on, stopped, benchmarked."""

import shutil

import pytest

from edgesynth.lineage import Config, Run, species
from edgesynth.tasks import load_task

from .world import FLOOR, STORY, add, measurement, write_result


@pytest.fixture(scope="session")
def lenet():
    return species("lenet5", load_task("digits"), 0)


@pytest.fixture
def empty_run(tmp_path):
    """A run in which nothing is finished."""
    return Run.create(tmp_path / "run", Config(min_accuracy=FLOOR))


@pytest.fixture(scope="session")
def bred(lenet, tmp_path_factory):
    """Folder of a run with all individuals of the story, to be copied."""
    run = Run.create(tmp_path_factory.mktemp("bred") / "run", Config(min_accuracy=FLOOR))
    for place in STORY:
        add(run, lenet, place)
    return run.path


@pytest.fixture
def unmeasured_run(bred, tmp_path):
    """A run that goes on: all individuals, no outcome, nothing measured."""
    return Run.open(shutil.copytree(bred, tmp_path / "run"))


@pytest.fixture
def run(unmeasured_run):
    """A run that has stopped, with everything measured that can be."""
    unmeasured_run.save_measured("g000-c0", {"breeding_s": 41.26, "latency_ms": 0.8})
    unmeasured_run.save_measured("g001-c0", {"breeding_s": 11.0, "latency_ms": 0.5})
    unmeasured_run.save_measured("g002-c1", {"breeding_s": 9.5, "latency_ms": 0.32})
    unmeasured_run.save_tested("g000-c0", 98.33)
    unmeasured_run.save_tested("g002-c1", 97.33)
    outcome = {"stopped": "budget", "reason": "g002-c1 has at most 80,000 synapses", "best": "g002-c1"}
    unmeasured_run.save_outcome({**outcome, "min_accuracy": FLOOR, "ancestor_validation": 98.67})
    return unmeasured_run


@pytest.fixture
def benchmarked_run(run):
    """The run with a bundle of its best individual, benchmarked in two precisions and two batches."""
    energy = {"per_image_mj": 12.5, "images_per_joule": 80.0, "images_per_joule_95": [79.1, 80.9], "reason": None}
    energy.update(meter="rapl", scope="package-0")
    write_result(
        run,
        "g002-c1",
        measurement("fp32", 0.25),
        measurement("fp32", 1.6, batch=8, flags=["unsteady: the latencies vary by 31.0 %"]),
        measurement("int8", 0.125, speedup_vs_fp32=2.0, energy=energy, accuracy_percent=97.67),
    )
    return run
