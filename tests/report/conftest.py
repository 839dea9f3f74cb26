"""Runs at every stage: nothing finished, going on, stopped, benchmarked."""

import shutil

import pytest

from edgesynth.lineage import Config, Run, species
from edgesynth.report import write_report
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


def stop(run):
    """Measure everything that can be and let the run have stopped."""
    run.save_measured("g000-c0", {"breeding_s": 41.26, "latency_ms": 0.8})
    run.save_measured("g001-c0", {"breeding_s": 11.0, "latency_ms": 0.5})
    run.save_measured("g002-c1", {"breeding_s": 9.5, "latency_ms": 0.32})
    run.save_tested("g000-c0", 98.33)
    run.save_tested("g002-c1", 97.33)
    outcome = {"stopped": "budget", "reason": "g002-c1 has at most 80,000 synapses", "best": "g002-c1"}
    run.save_outcome({**outcome, "min_accuracy": FLOOR, "ancestor_validation": 98.67})
    return run


def benchmark(run):
    """Give the run a bundle of its best individual, benchmarked in two precisions and two batches."""
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


@pytest.fixture
def run(unmeasured_run):
    """A run that has stopped, with everything measured that can be."""
    return stop(unmeasured_run)


@pytest.fixture
def benchmarked_run(run):
    """The run with a bundle of its best individual that has been benchmarked."""
    return benchmark(run)


@pytest.fixture(scope="session")
def unmeasured_page(bred, tmp_path_factory):
    """The text of the page of a run that goes on, for tests that only read it."""
    run = Run.open(shutil.copytree(bred, tmp_path_factory.mktemp("unmeasured") / "run"))
    return write_report(run).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def stopped_page(bred, tmp_path_factory):
    """The text of the page of a run that has stopped, for tests that only read it."""
    run = stop(Run.open(shutil.copytree(bred, tmp_path_factory.mktemp("stopped") / "run")))
    return write_report(run).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def benchmarked_page(bred, tmp_path_factory):
    """The text of the page of a run that has stopped and has been benchmarked, for tests that only read it."""
    run = benchmark(stop(Run.open(shutil.copytree(bred, tmp_path_factory.mktemp("benchmarked") / "run"))))
    return write_report(run).read_text(encoding="utf-8")
