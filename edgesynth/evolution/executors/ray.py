"""On Ray: one task per offspring, on this machine or on a cluster.

The breeder (configuration, network, data, the ancestor's first weights, later the teacher) is put into Ray's object
store once and kept by each worker, the offspring come back the same way. A worker that dies takes nothing with it but
time: its offspring is bred again, and after the third death recorded as lost.
"""

from __future__ import annotations

import copy
import dataclasses
import logging
import os
import pickle
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from edgesynth.anatomy.tracing.export import export
from edgesynth.errors import UserError
from edgesynth.evolution.executors.birth import Birth, Bred
from edgesynth.evolution.executors.threads import cpu_threads
from edgesynth.evolution.offspring.breeding import Breeder
from edgesynth.evolution.progress import Progress
from edgesynth.lineage import Config, Individual, Species
from edgesynth.nurture import Teacher
from edgesynth.optional import optional
from edgesynth.tasks import Task

DEATHS_ALLOWED = 3
POLL_S = 0.2


class OnRay:
    """Breeds as many at a time as the cluster's CPUs and GPUs have room for.

    Each offspring reserves as many CPUs as torch has threads, because its bits depend on them; with a share of a GPU
    it reserves that and one CPU.

    Args:
        address: of a running cluster (`auto`, `HOST:6379`, `ray://HOST:10001`); None starts Ray on this machine alone.
        gpus_per_offspring: share of a GPU, up to 1, or a whole number of GPUs.
    """

    def __init__(self, address: str | None = None, gpus_per_offspring: float = 0.0) -> None:
        if not (0 <= gpus_per_offspring <= 1 or (gpus_per_offspring > 1 and float(gpus_per_offspring).is_integer())):
            raise UserError(
                f"--gpus-per-offspring is {gpus_per_offspring:g}; it must be a share from 0 to 1, or a whole number"
            )
        self.address = address
        self.gpus = gpus_per_offspring
        self._ray: Any = None
        self._ours = False
        self._reports: Any = None
        self._shared: tuple[object, Any] | None = None

    def __enter__(self) -> OnRay:
        self._ray = optional("ray", "ray")
        if not self._ray.is_initialized():
            self._start()
        try:
            self._largest()
        except UserError:
            self._leave()
            raise
        self._reports = self._ray.remote(num_cpus=0)(_reports_class()).remote()
        return self

    def __exit__(self, *reason: object) -> None:
        self._shared = None
        if not self._ours:
            self._ray.kill(self._reports)
        self._leave()

    def _leave(self) -> None:
        if self._ours:
            self._ray.shutdown()
            self._ours = False

    def breed(self, breeder: Breeder, births: Sequence[Birth]) -> Iterator[Bred]:
        """Breed all at once, as far as there is room, and give each back as it is finished."""
        ray, threads, deaths = self._ray, torch.get_num_threads(), Counter[str]()
        task = self._task(threads)
        shared = self._share(breeder)

        def submit(birth: Birth) -> Any:
            return task.remote([shared], birth.breed, threads, self._reports)

        running = {submit(birth): birth for birth in births}
        try:
            while running:
                done, _ = ray.wait(list(running), timeout=POLL_S)
                self._tell(breeder.progress)
                for reference in done:
                    birth = running.pop(reference)
                    try:
                        yield Bred(*ray.get(reference))
                    except ray.exceptions.RayTaskError as error:
                        raise error.cause from error
                    except _deaths(ray) as error:
                        deaths[birth.name] += 1
                        if deaths[birth.name] < DEATHS_ALLOWED:
                            running[submit(birth)] = birth
                        else:
                            yield Bred(lost(breeder, birth, error), 0.0)
        finally:
            for reference in running:
                ray.cancel(reference, force=True)

    def _start(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report to its makers
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
        # Workers find the user's modules where the command line found them.
        places = [str(Path.cwd()), os.environ.get("PYTHONPATH", "")]
        here = {"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, places))}}
        if self.address is not None:
            check_answers(self.address)
        try:
            if self.address is None:
                self._ray.init(address="local", include_dashboard=False, runtime_env=here, **quiet)
            else:
                self._ray.init(address=self.address, **quiet)
        except Exception as error:  # a node that does not start in time is a bare one
            first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise UserError(_silent(self.address, first)) from error
        self._ours = True

    def _largest(self) -> float:
        """CPUs of the machine that has most.

        Raises:
            UserError: no machine of the cluster has room for one offspring.
        """
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        cpus = max(node.get("CPU", 0) for node in nodes)
        gpus = max(node.get("GPU", 0) for node in nodes)
        if cpus < 1 or self.gpus > gpus:
            raise UserError(
                f"--gpus-per-offspring is {self.gpus:g} and the largest machine that Ray has offers {gpus:g} GPUs and "
                f"{cpus:g} CPUs; every offspring would wait for ever: ask for less, or give another --ray-address"
            )
        return float(cpus)

    def _task(self, threads: int) -> Any:
        """The remote function, with what one offspring reserves; see `_largest`."""
        cpus = self._largest()
        reserved = 1 if self.gpus else min(threads, cpus)
        # Deaths are counted here, where the offspring can be recorded as lost; a worker keeps the breeder for the next.
        options = {"num_cpus": reserved, "num_gpus": self.gpus, "max_retries": 0, "max_calls": 0}
        return self._ray.remote(**options)(_breed_in_worker)

    def _share(self, breeder: Breeder) -> Any:
        """Reference to the breeder's state in the object store; put there again only for another teacher."""
        if self._shared is None or self._shared[0] is not breeder.teacher:
            try:
                self._shared = (breeder.teacher, self._ray.put(BreederState.of(breeder)))
            except (TypeError, AttributeError, pickle.PicklingError) as error:
                raise UserError(
                    f"--executor ray must hand the network and the task to other processes, and one of them cannot be "
                    f"({error}); keep open files and generators out of them, or use --executor process"
                ) from error
        return self._shared[1]

    def _tell(self, progress: Progress) -> None:
        """Pass on what the workers have reported since the last time."""
        try:
            calls = self._ray.get(self._reports.take.remote())
        except self._ray.exceptions.RayActorError:
            return  # what is lost with it was to be shown alone
        for method, arguments in calls:
            getattr(progress, method)(*arguments)


class BreederState(NamedTuple):
    """What a breeder is built from in another process, on the device that is there."""

    config: Config
    species: Species
    task: Task
    weights: dict[str, Tensor] | None
    teacher: Teacher | None
    rewind: dict[str, Tensor] | None

    @classmethod
    def of(cls, breeder: Breeder) -> BreederState:
        """The state of a breeder; torch's graph is left out, for it cannot be sent."""
        anatomy = copy.copy(breeder.species.anatomy)
        object.__setattr__(anatomy, "program", None)
        species = dataclasses.replace(breeder.species, anatomy=anatomy)
        # A tensor of a file may be a view, which would be sent with all that it is a view of.
        weights = breeder.weights and {name: tensor.clone() for name, tensor in breeder.weights.items()}
        return cls(breeder.config, species, breeder.cpu_task, weights, breeder.teacher, breeder.rewind)

    def unpacked(self, progress: Progress) -> Breeder:
        """The breeder."""
        anatomy = self.species.anatomy
        inputs = torch.zeros((anatomy.batch, *self.species.input_shape))
        # Few strengths read the graph, and torch's exporter alone takes longer to import than a small network to breed.
        anatomy = dataclasses.replace(anatomy, program=cache(partial(export, anatomy.model, (inputs,))))
        species = dataclasses.replace(self.species, anatomy=anatomy)
        breeder = Breeder(self.config, species, self.task, progress)
        breeder.weights, breeder.teacher, breeder.rewind = self.weights, self.teacher, self.rewind
        return breeder


def check_answers(address: str) -> None:
    """Ray itself would wait a minute for a machine that does not answer, and then end this process.

    Raises:
        UserError: nothing listens there, or the address is of another form.
    """
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"--ray-address is {address}; it must be auto, HOST:6379 or ray://HOST:10001")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise UserError(_silent(address, str(error))) from error


def _silent(address: str | None, why: str) -> str:
    return (
        f"--ray-address {address or 'of this machine'}: Ray does not answer ({why}); start it there with "
        "`ray start --head`, or leave --ray-address out to use this machine alone"
    )


def _reports_class() -> type:
    """The class of an actor that keeps what the workers say until it is asked for.

    It is sent by value, because it is made here: the actor's process need not import torch to keep a list.
    """

    class Reports:
        def __init__(self) -> None:
            self.calls: list[tuple[str, tuple[Any, ...]]] = []

        def add(self, method: str, *arguments: Any) -> None:
            """Keep one call of a method of `Progress`."""
            self.calls.append((method, arguments))

        def take(self) -> list[tuple[str, tuple[Any, ...]]]:
            """Everything kept, oldest first; it is forgotten here."""
            calls, self.calls = self.calls, []
            return calls

    return Reports


class _RemoteProgress(Progress):
    """Progress in a worker: every call is sent to the actor of the reports."""

    def __init__(self, reports: Any) -> None:
        for method in [name for name in dir(Progress) if not name.startswith("_")]:
            setattr(self, method, partial(reports.add.remote, method))


_held: tuple[str, Breeder] | None = None


def _breed_in_worker(
    shared: list[Any], breed: Callable[[Breeder], Individual], threads: int, reports: Any
) -> tuple[Individual, float]:
    """Breed one individual in a worker process; the breeder is fetched once and kept."""
    global _held
    import ray

    start = time.perf_counter()
    if _held is None or _held[0] != shared[0].hex():
        _held = None  # before the next is fetched, so that there is never room for two to be found
        _held = (shared[0].hex(), ray.get(shared[0]).unpacked(Progress()))
    breeder = _held[1]
    breeder.progress = _RemoteProgress(reports)
    with cpu_threads(threads):
        individual = breed(breeder)
    return individual, time.perf_counter() - start


def _deaths(ray: Any) -> tuple[type[Exception], ...]:
    """What Ray raises when a worker, or the machine that it ran on, is gone."""
    errors = ray.exceptions
    return (errors.WorkerCrashedError, errors.OutOfMemoryError, errors.NodeDiedError, errors.ObjectLostError)


def lost(breeder: Breeder, birth: Birth, error: Exception) -> Individual:
    """The individual as one that no worker lived to nurture.

    Raises:
        UserError: the run cannot do without it.
    """
    kind = {"OutOfMemoryError": "out of memory", "NodeDiedError": "with its machine"}.get(type(error).__name__, "")
    reason = f"its worker died {DEATHS_ALLOWED} times{f' ({kind})' if kind else ''}"
    if birth.lose is None:
        raise UserError(
            f"{birth.name}, without which there is no run, was not bred: {reason}; see that there is memory enough "
            "and continue with --resume, or use --executor process"
        ) from error
    return birth.lose(breeder, reason)
