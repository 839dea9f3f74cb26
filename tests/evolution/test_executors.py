"""Where offspring are nurtured changes nothing but the time."""

import os
import pickle
import shutil
import signal
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from edgesynth import api
from edgesynth.errors import UserError
from edgesynth.evolution import Place, Progress, build_executor, evolve, replay
from edgesynth.evolution.executors import Birth, InProcess
from edgesynth.evolution.executors.birth import Bred
from edgesynth.evolution.executors.ray import BreederState, check_answers, lost
from edgesynth.evolution.executors.threads import cpu_threads
from edgesynth.evolution.offspring.breeding import Breeder
from edgesynth.lineage import resolve, species
from edgesynth.tasks import load_task
from tests import few_digits, tiny_ancestor

TINY = {
    "ancestor": tiny_ancestor.NAME,
    "task": few_digits.NAME,
    "batch_size": 32,
    "ancestor_epochs": 2,
    "generations": 1,
    "epochs": 1,
    "final_epochs": 1,
    "offspring": 2,
    "min_accuracy": 10.0,
    "threads": 1,
}


def lineage(run):
    """{file: bytes} of all that a replay must give again."""
    kept = ("individual.json", "genome.json", "weights.safetensors", "outcome.json")
    return {str(path.relative_to(run.path)): path.read_bytes() for path in run.path.rglob("*") if path.name in kept}


class Heard(Progress):
    def __init__(self):
        self.begun, self.epochs = [], []

    def nurture(self, name, epochs, census):
        self.begun.append(name)

    def epoch(self, name, epoch, loss):
        self.epochs.append((name, epoch))


@pytest.fixture(scope="module")
def in_process(tmp_path_factory):
    return evolve(tmp_path_factory.mktemp("process") / "run", resolve(None, TINY))


@pytest.fixture(scope="module")
def ray():
    """Ray on this machine, started once for these tests as a user may in a notebook."""
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'edgesynth[ray]'")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


def test_a_lineage_bred_on_ray_is_the_same_bit_for_bit_and_its_progress_is_heard(tmp_path, in_process, ray):
    heard = Heard()
    run = evolve(tmp_path / "run", resolve(None, TINY), progress=heard, executor=build_executor("ray"))
    assert lineage(run) == lineage(in_process)
    assert sorted(heard.begun) == run.names()
    assert sorted(heard.epochs) == sorted(
        (record.name, epoch + 1) for record in run.records() for epoch in range(record.nurture["epochs"])
    )
    assert all(run.threads(name) == 1 for name in run.names())
    assert ray.is_initialized()  # it was not ours to stop


def workers():
    """Process ids of our own Ray workers that breed just now: descendants of this process, whatever else runs here."""
    names = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            name = Path(f"/proc/{entry}/cmdline").read_bytes().partition(b"\0")[0]
            if name == b"ray::_breed_in_worker" and os.getpid() in ancestry(int(entry)):
                names.append(int(entry))
        except OSError:
            pass  # it has ended meanwhile
    return names


def ancestry(process):
    while process > 1:
        yield process
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


class Killing(Heard):
    """Kills every worker at the first sign of an offspring."""

    killed = 0

    def epoch(self, name, epoch, loss):
        super().epoch(name, epoch, loss)
        if name.startswith("g001") and not self.killed:
            for worker in workers():
                os.kill(worker, signal.SIGKILL)
                self.killed += 1


def test_a_worker_killed_in_mid_nurture_costs_time_and_nothing_else(tmp_path, ray):
    config = resolve(None, {**TINY, "offspring": 1, "final_epochs": 120})  # long enough for the first epoch to be heard
    killing = Killing()
    run = evolve(tmp_path / "run", config, progress=killing, executor=build_executor("ray"))
    assert killing.killed >= 1
    assert len(killing.begun) == len(run.names()) + killing.killed  # each death began one nurture again
    assert lineage(run) == lineage(evolve(tmp_path / "again", config))


@pytest.fixture(scope="module")
def breeder():
    config = resolve(None, TINY)
    task = load_task(config.task)
    return Breeder(config, species(config.ancestor, task, config.seed), task, Progress())


def test_an_offspring_whose_worker_dies_three_times_is_recorded_as_lost_and_its_sibling_lives(tmp_path, breeder, ray):
    marks = str(tmp_path)

    def dying(breeder):
        open(f"{marks}/{os.getpid()}", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)

    def living(breeder):
        return "sibling"

    births = [Birth("g001-c0", dying, lambda breeder, reason: reason), Birth("g001-c1", living)]
    with build_executor("ray") as crew:
        names = {bred.individual for bred in crew.breed(breeder, births)}
    assert names == {"its worker died 3 times", "sibling"}
    assert len(list(tmp_path.iterdir())) == 3


def test_a_lost_offspring_is_dead_on_record_and_has_the_genome_that_was_drawn(in_process):
    run, config = in_process, in_process.config
    task = load_task(config.task)
    breeder = Breeder(config, species(config.ancestor, task, config.seed), task, Progress())
    parent, born = run.load("g000-c0"), run.load("g001-c1")
    with cpu_threads(1):
        lost = breeder.lost([parent], Place(1, 1, ("g000-c0",)), "its worker died 3 times")
    assert lost.record.died == "its worker died 3 times" and lost.record.lost and not born.record.lost
    assert (lost.record.validation, lost.record.feasible, lost.name) == (0.0, False, "g001-c1")
    assert lost.genome.to_json() == born.genome.to_json() and lost.record.census == born.record.census
    breeder.species.removed(lost)  # its weights fit its genome


class Losing(InProcess):
    """Breeds the ancestor, and loses everyone else."""

    def breed(self, breeder, births):
        for birth in births:
            if birth.lose is None:
                yield from super().breed(breeder, [birth])
            else:
                yield Bred(birth.lose(breeder, "its worker died 3 times"), 0.0)


def test_a_generation_that_was_lost_with_its_workers_is_bred_again_when_the_run_is_resumed(tmp_path, in_process):
    config = resolve(None, TINY)
    with pytest.raises(
        UserError, match=r"died 3 times\); give their workers more memory, .* --resume breeds them again"
    ):
        evolve(tmp_path / "run", config, executor=Losing())
    run = evolve(tmp_path / "run", config, resume=True)
    assert not any(record.lost for record in run.records())
    assert lineage(run) == lineage(in_process)


def test_an_ancestor_whose_worker_dies_ends_the_run_with_the_way_out(breeder):
    with pytest.raises(UserError, match=r"g000-c0, without which .* \(out of memory\); .*continue with --resume"):
        lost(breeder, Birth("g000-c0", Breeder.ancestor), type("OutOfMemoryError", (Exception,), {})())


@pytest.mark.parametrize("error", [UserError("the data are gone"), KeyError("a bug of ours")])
def test_an_error_in_a_worker_is_the_error_of_the_run(breeder, ray, error):
    def failing(breeder):
        raise error

    with build_executor("ray") as crew, pytest.raises(type(error)) as raised:
        list(crew.breed(breeder, [Birth("g001-c0", failing)]))
    assert str(raised.value) == str(error)


def test_more_gpus_than_any_machine_has_are_refused_at_once_and_leave_no_run(tmp_path, ray):
    with pytest.raises(UserError, match="--gpus-per-offspring is 64 and the"):
        evolve(tmp_path / "run", resolve(None, TINY), executor=build_executor("ray", None, 64))
    assert list(tmp_path.iterdir()) == []
    assert ray.is_initialized()  # it was not ours to stop


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "--ray-address 127.0.0.1:1: Ray does not answer .*refused.; start it there"),
        ("ray://127.0.0.1:1", "--ray-address ray://127.0.0.1:1: Ray does not answer"),
        ("cluster", "--ray-address is cluster; it must be auto, HOST:6379 or ray://HOST:10001"),
    ],
)
def test_a_cluster_that_does_not_answer_is_refused_before_ray_ends_the_process(address, message):
    with pytest.raises(UserError, match=message):
        check_answers(address)


def test_the_options_of_ray_are_refused_in_one_line_before_anything_is_written(edgesynth, refused, tmp_path):
    refused(edgesynth("evolve", "--ray-address", "auto", "--run", "run", cwd=tmp_path), "add --executor ray")
    refused(edgesynth("evolve", "--executor", "rya", "--run", "run", cwd=tmp_path), "it must be process or ray")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("cluster",), "--executor is cluster; it must be process or ray"),
        (("process", "auto"), "--ray-address speaks of Ray and the executor is process"),
        (("process", None, 0.5), "--gpus-per-offspring speaks of Ray"),
        (("ray", None, 1.5), "--gpus-per-offspring is 1.5; it must be a share from 0 to 1, or a whole number"),
        (("ray", None, -1), "--gpus-per-offspring is -1"),
    ],
)
def test_an_executor_that_cannot_be_is_refused(given, message):
    with pytest.raises(UserError, match=message):
        build_executor(*given)


def test_without_ray_the_extra_to_install_is_named_and_no_run_is_left(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'edgesynth\[ray\]'"):
        evolve(tmp_path / "run", resolve(None, TINY), executor=build_executor("ray"))
    assert list(tmp_path.iterdir()) == []


def test_a_run_keeps_to_the_threads_that_it_was_started_with(tmp_path):
    """Their number is in the bits of a lineage, and the process that resumes it may have another."""
    untrained = {"ancestor_epochs": 0, "epochs": 0, "final_epochs": 0, "min_accuracy": 0.0, "strength": "random"}
    config = resolve(None, {**TINY, **untrained, "threads": None, "generations": 1, "offspring": 1})
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        evolve(tmp_path / "run", config)
        shutil.rmtree(tmp_path / "run" / "individuals" / "g001-c0")
        torch.set_num_threads(1)
        assert evolve(tmp_path / "run", config, resume=True).threads("g001-c0") == 2
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


UNTRAINED = {**TINY, "ancestor_epochs": 0, "min_accuracy": 0.0, "offspring": 1, "strength": "random"}


class Elsewhere(InProcess):
    """Breeds as a worker on another machine does: from the breeder's breeder_state, without the files of this one."""

    def __init__(self, files):
        self.files, self.carried = files, []

    def breed(self, breeder, births):
        breeder_state = BreederState.of(breeder)
        self.files.rename(hidden := self.files.with_name("hidden"))
        try:
            unpacked = breeder_state.unpacked(Progress())
            self.carried.append(unpacked.weights is not None)
            bred = list(super().breed(unpacked, births))
        finally:
            hidden.rename(self.files)
        return iter(bred)


@pytest.fixture
def weights(tmp_path):
    """A file of the tiny ancestor's weights."""
    (tmp_path / "files").mkdir()
    torch.manual_seed(7)
    path = tmp_path / "files" / "weights.safetensors"
    safetensors.torch.save_file(tiny_ancestor.build().state_dict(), path)
    return path


@pytest.fixture
def starting(weights):
    return resolve(None, {**UNTRAINED, "weights": weights})


def test_the_weights_to_begin_with_travel_to_the_worker_of_the_ancestor_and_to_no_other(tmp_path, starting, weights):
    there = Elsewhere(weights.parent)
    run = evolve(tmp_path / "there", starting, executor=there)
    begun = safetensors.torch.load_file(weights)
    assert all(torch.equal(tensor, begun[name]) for name, tensor in run.load("g000-c0").weights.items())
    assert lineage(run) == lineage(evolve(tmp_path / "here", starting))
    assert there.carried == [True, False]


def test_a_network_that_was_given_is_bred_on_by_workers_in_another_folder(tmp_path, monkeypatch, ray):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(7)
    network = tiny_ancestor.build()
    options = {name: value for name, value in UNTRAINED.items() if name not in ("ancestor", "task")}
    run = api.evolve(network, TINY["task"], "run", executor=build_executor("ray"), **options)
    begun = network.state_dict()
    assert all(torch.equal(tensor, begun[name]) for name, tensor in run.load("g000-c0").weights.items())


def test_a_run_that_has_its_ancestor_goes_on_without_the_file_of_weights_and_its_replay_reads_it(
    tmp_path, starting, weights
):
    run = evolve(tmp_path / "run", starting)
    before = lineage(run)
    assert replay(run, "g000-c0").difference == ""
    weights.unlink()
    shutil.rmtree(run.folder("g001-c0"))
    assert lineage(evolve(run.path, starting, resume=True)) == before


def test_weights_that_are_views_travel_without_what_they_are_views_of(breeder, monkeypatch):
    monkeypatch.setattr(breeder, "weights", {"3.bias": torch.zeros(1_000_000)[:3]})
    assert len(pickle.dumps(BreederState.of(breeder).weights)) < 10_000
