"""The generation loop: breed, keep, select, until a budget is met or accuracy falls."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from edgesynth.errors import UserError
from edgesynth.evolution.breeding import Breeder
from edgesynth.evolution.evolution import Evolution, Place
from edgesynth.evolution.feasibility import check_feasible
from edgesynth.evolution.population import check_population
from edgesynth.evolution.progress import Progress
from edgesynth.lineage import Config, Individual, Record, Run, Species, species
from edgesynth.nurture import Teacher, score
from edgesynth.tasks import Classification, load_task

DEFAULT_LOSS_POINTS = 1.0
Measure = Callable[[Species, Individual], dict[str, Any]]


def evolve(
    path: Path, config: Config, resume: bool = False, measure: Measure | None = None, progress: Progress | None = None
) -> Run:
    """Breed a lineage into a run directory.

    Args:
        path: the run directory; it must not exist unless `resume`.
        config: the run's configuration.
        resume: continue an earlier run of the same configuration where it was.
        measure: figures of each generation's best on a machine, such as {"latency_ms": 0.1}.
        progress: told how it goes.

    Returns:
        The run; `run.outcome()` says why it stopped and who is best.

    Raises:
        UserError: bad configuration or data, budgets that no offspring can meet, an accuracy floor above the ancestor's
            accuracy, or no feasible offspring.
    """
    if path.exists() and not resume:
        raise UserError(f"{path} exists already; continue it with --resume, or give another --run")
    check_population(config)
    task = load_task(config.task, config.data_root)
    kind = species(config.ancestor, task, config.seed)
    check_feasible(config, kind.anatomy)
    breeder = Breeder(config, kind, task, progress or Progress())
    run = _open(path, config) if resume and path.exists() else Run.create(path, config)

    ancestor = _bred(run, breeder.progress, Place(0, 0, ()), breeder.ancestor)
    breeder.teacher = Teacher(kind.removed(run.load(ancestor.name)), task)
    breeder.rewind = run.rewind() if config.inheritance == "rewound" else None
    breeder.config = config = _with_floor(config, ancestor)
    evolution = Evolution(config, ancestor)
    _generation_done(run, kind, breeder.progress, ancestor, measure)
    while places := evolution.ask():
        parents = [run.load(name) for name in places[0].parents]
        records = [_bred(run, breeder.progress, place, partial(breeder.offspring, parents, place)) for place in places]
        if best := evolution.tell(records):
            _generation_done(run, kind, breeder.progress, best, measure)
    return _conclude(run, evolution, kind, task)


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


def _bred(run: Run, progress: Progress, place: Place, breed: Callable[[], Individual]) -> Record:
    """The individual of a place: found finished, or bred and saved.

    A full nurture replaces the proxy's files, so a survivor that is asked for by proxy may be found fully nurtured.
    """
    record = run.record(place.name) if run.has(place.name) else None
    seconds = run.measured(place.name).get("breeding_s", 0.0) if record else 0.0
    if record and (place.proxy or not record.proxy):
        if place.proxy == record.proxy:
            progress.individual(record, seconds, resumed=True)
        return record
    start = time.perf_counter()
    individual = breed()
    bred = time.perf_counter()
    run.save(individual)
    seconds, bookkeeping_s = seconds + time.perf_counter() - start, time.perf_counter() - bred
    run.save_measured(place.name, {"breeding_s": seconds, **individual.measured, "bookkeeping_s": bookkeeping_s})
    progress.individual(individual.record, seconds, resumed=False)
    return individual.record


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
    outcome = {
        "stopped": evolution.stopped,
        "reason": evolution.reason,
        "best": best.name if best else None,
        "min_accuracy": evolution.floor,
        "ancestor_validation": ancestor.validation,
        "front": evolution.fronts,
    }
    if best and "weight_bits" in best.nurture:
        outcome["weight_bits"] = best.nurture["weight_bits"]
    run.save_outcome(outcome)
    if best is None:
        advice = "" if evolution.stopped == "death" else "; lower --min-accuracy, or raise --keep or --epochs"
        raise UserError(f"{run.path} has no feasible offspring: {evolution.reason}{advice}")
    for record in (ancestor, best):
        if record.name not in run.tested():
            run.save_tested(record.name, score(kind.quantised(run.load(record.name)), task, task.load_test()))
    return run
