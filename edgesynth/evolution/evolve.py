"""The generation loop: breed, keep, select, until a budget is met or accuracy falls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from edgesynth.ancestors import read_weights
from edgesynth.errors import UserError
from edgesynth.evolution.breeding import Breeder
from edgesynth.evolution.evolution import Evolution, Place
from edgesynth.evolution.executors import Birth, Executor, InProcess
from edgesynth.evolution.executors.threads import cpu_threads, threads_of
from edgesynth.evolution.progress import Progress
from edgesynth.lineage import Config, Individual, Record, Run, Species, individual_name, is_taken, species
from edgesynth.nurture import Teacher, score
from edgesynth.tasks import Classification, load_task

DEFAULT_LOSS_POINTS = 1.0
Measure = Callable[[Species, Individual], dict[str, Any]]


def evolve(
    path: Path,
    config: Config,
    resume: bool = False,
    measure: Measure | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> Run:
    """Breed a lineage into a run directory.

    Args:
        path: the run directory; it must not exist unless `resume`.
        config: the run's configuration.
        resume: continue an earlier run of the same configuration where it was.
        measure: figures of each generation's best on a machine, such as {"latency_ms": 0.1}.
        progress: told how it goes.
        executor: where individuals are nurtured; in this process by default. It does not change what they become.

    Returns:
        The run; `run.outcome()` says why it stopped and who is best.

    Raises:
        UserError: bad configuration or data, an accuracy floor above the ancestor's accuracy, or no feasible offspring.
    """
    if is_taken(path) and not resume:
        raise UserError(f"{path} exists already; continue it with --resume, or give another --run")
    task = load_task(config.task, config.data_root, config.image_size)
    kind = species(config.ancestor, task, config.seed)
    begun = resume and is_taken(path)
    if config.weights is not None and not (begun and Run.open(path).has(individual_name(0, 0))):
        read_weights(config.weights, kind.model)  # refused before anything is written
    run = _open(path, config) if begun else Run.create(path, config)
    breeder = Breeder(config, kind, task, progress or Progress())
    with cpu_threads(threads_of(run)), executor or InProcess() as crew:
        return _evolve(run, breeder, crew, measure)


def _evolve(run: Run, breeder: Breeder, crew: Executor, measure: Measure | None) -> Run:
    """Breed the ancestor, then generation after generation."""
    kind, task = breeder.species, breeder.task
    (ancestor,) = _bred(run, breeder, crew, [Birth(individual_name(0, 0), Breeder.ancestor)])
    descend(breeder, run.load(ancestor.name))
    evolution = Evolution(breeder.config, ancestor)
    _generation_done(run, kind, breeder.progress, ancestor, measure)
    while places := evolution.ask():
        parent = run.load(places[0].parent)
        records = _bred(run, breeder, crew, [_birth(parent, place) for place in places])
        _generation_done(run, kind, breeder.progress, evolution.tell(records), measure)
    return _conclude(run, evolution, kind, task)


def breed_again(run: Run, breeder: Breeder, record: Record) -> Individual:
    """An individual of a run from its parents' files, as it was bred the first time; nothing is written."""
    ancestor = individual_name(0, 0)
    threads = run.measured(record.name).get("threads") or threads_of(run)
    with cpu_threads(threads):
        if record.name == ancestor:
            return breeder.ancestor()
        descend(breeder, run.load(ancestor))
        (parent,) = record.parents
        return _birth(run.load(parent), Place(record.generation, record.child, parent)).breed(breeder)


def descend(breeder: Breeder, ancestor: Individual) -> None:
    """Make a breeder ready for offspring: the ancestor teaches them, and its accuracy gives them their floor.

    Raises:
        UserError: the configured floor lies above the ancestor's accuracy.
    """
    breeder.teacher = Teacher(breeder.species.removed(ancestor), breeder.task)
    breeder.config = _with_floor(breeder.config, ancestor.record)


def _birth(parent: Individual, place: Place) -> Birth:
    generation, child = place.generation, place.child
    return Birth(
        individual_name(generation, child),
        partial(Breeder.offspring, parent=parent, generation=generation, child=child),
        lambda breeder, reason: breeder.lost(parent, generation, child, reason),
    )


def _open(path: Path, config: Config) -> Run:
    run = Run.open(path)
    if run.config != config:
        before, now = run.config.model_dump(), config.model_dump()
        changed = ", ".join(
            f"{name} was {before[name]} and is {now[name]}" for name in now if before[name] != now[name]
        )
        raise UserError(
            f"{path} was started with other options: {changed}; resume it with the same, or give another --run"
        )
    return run


def _bred(run: Run, breeder: Breeder, crew: Executor, births: list[Birth]) -> list[Record]:
    """The individuals in the order asked for: found finished, or bred and saved."""
    records = {birth.name: run.record(birth.name) for birth in births if run.has(birth.name)}
    for name, record in records.items():
        breeder.progress.individual(record, run.measured(name).get("breeding_s", 0.0), resumed=True)
    for individual, seconds in crew.breed(breeder, [birth for birth in births if birth.name not in records]):
        run.save(individual)
        run.save_measured(individual.name, {"breeding_s": seconds, "threads": torch.get_num_threads()})
        breeder.progress.individual(individual.record, seconds, resumed=False)
        records[individual.name] = individual.record
    return [records[birth.name] for birth in births]


def _with_floor(config: Config, ancestor: Record) -> Config:
    """The configuration with its accuracy floor resolved."""
    if config.min_accuracy is None:
        return config.model_copy(update={"min_accuracy": ancestor.validation - DEFAULT_LOSS_POINTS})
    if config.min_accuracy > ancestor.validation:
        raise UserError(
            f"--min-accuracy is {config.min_accuracy:g} % and the ancestor has {ancestor.validation:.2f} % on "
            "validation; no offspring can be asked for more: lower the floor, or train the ancestor longer "
            "with --ancestor-epochs"
        )
    return config


def _generation_done(run: Run, kind: Species, progress: Progress, best: Record, measure: Measure | None) -> None:
    figures = run.measured(best.name)
    if measure and "latency_ms" not in figures:
        figures = {**figures, **measure(kind, run.load(best.name))}
        run.save_measured(best.name, figures)
    progress.generation(best.generation, best, figures)


def _conclude(run: Run, evolution: Evolution, kind: Species, task: Classification) -> Run:
    """Keep the outcome and read the test split, once, for the ancestor and the best."""
    best, ancestor = evolution.best, evolution.line[0]
    run.save_outcome(
        {
            "stopped": evolution.stopped,
            "reason": evolution.reason,
            "best": best.name if best else None,
            "min_accuracy": evolution.floor,
            "ancestor_validation": ancestor.validation,
        }
    )
    if best is None:
        raise UserError(
            f"{run.path} has no feasible offspring: {evolution.reason}; "
            "lower --min-accuracy, or raise --keep or --epochs"
        )
    for record in (ancestor, best):
        if record.name not in run.tested():
            run.save_tested(record.name, score(kind.removed(run.load(record.name)), task, task.load_test()))
    return run
