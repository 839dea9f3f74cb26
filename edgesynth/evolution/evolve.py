"""The generation loop: breed, keep, select, until a budget is met or accuracy falls."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from edgesynth.errors import UserError
from edgesynth.evolution.evolution import Evolution
from edgesynth.evolution.progress import Progress
from edgesynth.evolution.strategy import build_breeder, build_evolution
from edgesynth.lineage import Config, Individual, Record, Run, Species, individual_name, species
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
        UserError: bad configuration or data, an accuracy floor above the ancestor's accuracy, or no feasible offspring.
    """
    if path.exists() and not resume:
        raise UserError(f"{path} exists already; continue it with --resume, or give another --run")
    task = load_task(config.task, config.data_root)
    kind = species(config.ancestor, task, config.seed)
    breeder = build_breeder(config, kind, task, progress or Progress(), path)
    run = _open(path, config) if resume and path.exists() else Run.create(path, config)

    ancestor = _bred(run, breeder.progress, individual_name(0, 0), breeder.ancestor)
    breeder.teacher = Teacher(kind.removed(run.load(ancestor.name)), breeder.task)
    breeder.config = config = _with_floor(config, ancestor)
    evolution = build_evolution(config, ancestor)
    _generation_done(run, kind, breeder.progress, ancestor, measure)
    while places := evolution.ask():
        parent = run.load(places[0].parent)
        records = [
            _bred(
                run,
                breeder.progress,
                individual_name(place.generation, place.child),
                partial(breeder.offspring, parent, place.generation, place.child),
            )
            for place in places
        ]
        _generation_done(run, kind, breeder.progress, evolution.tell(records), measure)
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


def _bred(run: Run, progress: Progress, name: str, breed: Callable[[], Individual]) -> Record:
    """The individual of that name: found finished, or bred and saved."""
    if run.has(name):
        record = run.record(name)
        progress.individual(record, run.measured(name).get("breeding_s", 0.0), resumed=True)
        return record
    start = time.perf_counter()
    individual = breed()
    run.save(individual)
    seconds = time.perf_counter() - start
    run.save_measured(name, {"breeding_s": seconds})
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
