"""The generation loop: breed, keep, select, until a budget is met or accuracy falls."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from operator import methodcaller
from pathlib import Path
from typing import Any

import safetensors.torch

from edgesynth.errors import UserError
from edgesynth.evolution.budgets.machine import Correction, kept_facts
from edgesynth.evolution.budgets.other_kernels import Kernels
from edgesynth.evolution.budgets.speedup import ratio_words, with_measured_speedup
from edgesynth.evolution.budgets.this_machine import Clock, keep_times
from edgesynth.evolution.evolution import Evolution
from edgesynth.evolution.executors import Birth, Executor, InProcess
from edgesynth.evolution.executors.threads import cpu_threads, threads_of
from edgesynth.evolution.instrument import Instrument
from edgesynth.evolution.loop.measuring import Bench
from edgesynth.evolution.loop.sample_predictions import keep_sample_predictions
from edgesynth.evolution.offspring.breeding import Breeder
from edgesynth.evolution.offspring.first_weights import NetworkState, handed_over_file
from edgesynth.evolution.place import Place
from edgesynth.evolution.preflight.continuing import continued
from edgesynth.evolution.preflight.preflight import Rehearse, preflight
from edgesynth.evolution.progress import Progress
from edgesynth.evolution.strategy import build_evolution
from edgesynth.lineage import (
    ANCESTOR,
    Config,
    Individual,
    Record,
    Run,
    Species,
    alone_in,
    check_unheld,
    is_taken,
    milder_run,
    with_board_facts,
    with_vector_floats,
)
from edgesynth.lineage.storage.files import write_bytes
from edgesynth.nurture import Hardware, Teacher, choose_autocast, outputs, score_outputs
from edgesynth.tasks import Task

LOG = logging.getLogger(__name__)
DEFAULT_LOSS_POINTS = 1.0
FIRST = Place(0, 0, ())
Measure = Callable[[Species, Individual], dict[str, Any]]


def evolve(
    path: Path,
    config: Config,
    resume: bool = False,
    measure: Measure | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
    instrument: Instrument | None = None,
    kernels: Kernels | None = None,
    rehearse: Rehearse | None = None,
    given: NetworkState | None = None,
    clock: Clock | None = None,
) -> Run:
    """Breed a lineage into a run directory.

    Args:
        path: the run directory; it must not exist unless `resume`.
        config: the run's configuration.
        resume: continue an earlier run of the same configuration where it was.
        measure: figures of each generation's best on a machine, such as {"latency_ms": 0.1}.
        progress: told how it goes.
        executor: where individuals are nurtured; in this process by default. It does not change what they become.
        instrument: measures networks on the machine of `config.measure_on`; needed where that is set.
        kernels: reads what a network has besides its layers, where `config.board` is to be predicted.
        clock: times the layers of this machine, where that is the board.
        rehearse: refuses an ancestor of which no export could write anything, before it is trained.
        given: state of the ancestor's network, where that was handed over: `config.weights` is `GIVEN` then.

    Returns:
        The run; `run.outcome()` says why it stopped and which individual is best.

    Raises:
        UserError: bad configuration or data, a run that another process breeds, more than the disk has room for,
            budgets that no offspring can meet, an accuracy floor above the ancestor's accuracy, newborn offspring of a
            given network that cannot be drawn anew, or no feasible offspring; or a machine that cannot be measured on,
            by which the run is paused.
    """
    if is_taken(path) and not resume:
        check_unheld(path)
        raise UserError(f"{path} exists already; continue it with --resume, or give another --run")
    with ExitStack() as stack:
        begun = resume and is_taken(path)
        if begun:
            stack.enter_context(alone_in(path))
        config = with_vector_floats(with_board_facts(config, path if begun else None))
        given_to = (measure, progress, executor, instrument, kernels, rehearse, given, clock)
        return _evolve_alone(path, config, begun, stack, *given_to)


def _evolve_alone(
    path: Path,
    config: Config,
    begun: bool,
    stack: ExitStack,
    measure: Measure | None,
    progress: Progress | None,
    executor: Executor | None,
    instrument: Instrument | None,
    kernels: Kernels | None,
    rehearse: Rehearse | None,
    given: NetworkState | None,
    clock: Clock | None,
) -> Run:
    """Check everything that can be, then breed; a run directory is made, and its lock taken, when nothing is refused.

    The lock of a run that has begun is held already; whatever is entered into `stack` is left by the caller.
    """
    executor = executor or InProcess()
    handed_in = (executor, instrument, kernels, rehearse, given, clock)
    cleared = preflight(path, config, begun, progress or Progress(), *handed_in)
    config, breeder, task, notes = cleared.config, cleared.breeder, cleared.task, cleared.notes
    stack.enter_context(executor)  # before anything is written: it may be refused
    if begun:
        run, mended = continued(path, config, task, breeder.species)
        notes += mended
    else:
        stack.enter_context(alone_in(path))
        run = Run.create(path, config)
        keep_times(breeder.species, path)
    aimed = instrument if config.measure_on else None
    bench = Bench(run, breeder.species, aimed, breeder.budgets, breeder.progress)
    run.save_task(task.to_json())
    if given is not None and not cleared.has_ancestor:
        write_bytes(handed_over_file(path), safetensors.torch.save(dict(given)))
    for note in notes:
        breeder.progress.note(note)
    with cpu_threads(threads_of(run)):
        return _evolve(run, breeder, executor, measure, bench)


def _evolve(run: Run, breeder: Breeder, executor: Executor, measure: Measure | None, bench: Bench) -> Run:
    """Breed the ancestor, then generation after generation."""
    kind = breeder.species
    (ancestor,) = _bred(run, breeder, executor, [], [FIRST], {})
    bench.measure([ancestor])
    descend(breeder, run)
    if breeder.config.max_latency_ms != run.config.max_latency_ms:
        breeder.progress.decision(
            f"{ratio_words(run.config)}, a budget of {breeder.config.max_latency_ms:.3g} ms by what was measured of "
            f"{ancestor.name}"
        )
    evolution = build_evolution(breeder.config, ancestor, breeder.budgets)
    _generation_done(run, kind, breeder.progress, ancestor, measure)
    while places := evolution.ask():
        named = ", ".join(places[0].parents)
        LOG.info("generation %d: %d offspring of %s", places[0].generation, len(places), named)
        parents = [run.load(name, kind.anatomy) for name in places[0].parents]
        records = _bred(run, breeder, executor, parents, places, bench.correction(places[0].generation))
        bench.measure(evolution.to_measure(records))
        if best := evolution.tell(records):
            _generation_done(run, kind, breeder.progress, best, measure)
            if evolution.goes_on:
                breeder.progress.decision(evolution.goes_on)
    return _conclude(run, evolution, kind, breeder.cpu_task)


def descend(breeder: Breeder, run: Run) -> None:
    """Make a breeder ready for offspring: the ancestor teaches them, and its accuracy gives them their floor.

    Its latency gives them their budget, where that is a ratio to what is measured. The weights that the ancestor began
    with are let go.

    Raises:
        UserError: the configured floor lies above the ancestor's accuracy, or the ancestor's files are damaged or
            lack what was measured.
    """
    ancestor = run.load(ANCESTOR, breeder.species.anatomy)
    breeder.weights = None
    autocast = choose_autocast(breeder.config.autocast, breeder.device, ancestor.record.census.macs)
    hardware = Hardware(breeder.device, autocast)
    breeder.teacher = Teacher(breeder.species.removed(ancestor), breeder.cpu_task, hardware)
    breeder.rewind = run.rewind() if breeder.config.rewinds else None
    breeder.settle(with_measured_speedup(_with_floor(breeder.config, ancestor.record), ancestor.figures))


def birth_of(parents: Sequence[Individual], place: Place, correction: Correction) -> Birth:
    """The birth at a place, by a correction of what is predicted; without parents it is the ancestor's."""
    if not parents:
        return Birth(place.name, methodcaller("ancestor"))
    return Birth(
        place.name,
        methodcaller("offspring", parents, place, correction),
        lambda breeder, reason: breeder.lost(parents, place, reason, correction),
    )


def _bred(
    run: Run,
    breeder: Breeder,
    executor: Executor,
    parents: list[Individual],
    places: list[Place],
    correction: Correction,
) -> list[Record]:
    """The individuals of the places, in their order: found finished, or bred and saved.

    A full nurture replaces the proxy's files, so a survivor that is asked for by proxy may be found fully nurtured.
    Nothing descends from offspring that were all lost with their workers: they are bred again.
    """
    known = {place.name: run.record(place.name) for place in places if run.has(place.name)}
    lost = len(known) == len(places) and all(record.lost for record in known.values())
    records, before = {}, {}
    for place in places:
        record = None if lost else known.get(place.name)
        before[place.name] = run.measured(place.name).get("breeding_s", 0.0) if record else 0.0
        if record and (place.proxy or not record.proxy):
            records[place.name] = record
            if place.proxy == record.proxy:
                breeder.progress.individual(record, before[place.name], resumed=True)
    births = [birth_of(parents, place, correction) for place in places if place.name not in records]
    for individual, breeding_s in executor.breed(breeder, births):
        start, name = time.perf_counter(), individual.name
        run.save(individual)
        bookkeeping_s = time.perf_counter() - start
        seconds = before[name] + breeding_s + bookkeeping_s
        figures = {**individual.measured, "bookkeeping_s": bookkeeping_s}
        prediction = breeder.budgets.machine.predict(individual.record.census)
        kept = {"predicted": kept_facts(prediction)} if prediction else {}
        run.save_measured(name, {"breeding_s": seconds, **figures, **kept})
        breeder.progress.individual(individual.record, seconds, resumed=False)
        records[name] = individual.record
    for place in places:
        if prediction := breeder.budgets.machine.predict(records[place.name].census):
            breeder.progress.predicted(place.name, prediction)
    return [records[place.name] for place in places]


def _with_floor(config: Config, ancestor: Record) -> Config:
    """The configuration with its accuracy floor resolved."""
    if config.min_accuracy is None:
        loss = DEFAULT_LOSS_POINTS if config.max_loss is None else config.max_loss
        return config.model_copy(update={"min_accuracy": max(0.0, ancestor.validation - loss)})
    if config.min_accuracy > ancestor.validation:
        raise UserError(
            f"--min-accuracy is {config.min_accuracy:g} % and the ancestor has {ancestor.validation:.2f} % on "
            "validation; no offspring can be asked for more: go on with --resume and a lower one, or train the "
            "ancestor longer, with --ancestor-epochs and another --run"
        )
    return config


def _generation_done(run: Run, kind: Species, progress: Progress, best: Record, measure: Measure | None) -> None:
    figures = run.measured(best.name)
    if measure and "latency_ms" not in figures:
        figures = {**figures, **measure(kind, run.load(best.name, kind.anatomy))}
        run.save_measured(best.name, figures)
    progress.generation(best.generation, best, figures)


def _conclude(run: Run, evolution: Evolution, kind: Species, task: Task) -> Run:
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
        raise UserError(f"{run.path} has no feasible offspring: {evolution.reason}{_advice(run, evolution.stopped)}")
    untested = [record for record in (ancestor, best) if record.name not in run.tested()]
    samples = run.predictions()
    if untested or samples is None or samples.individuals != (ancestor.name, best.name):
        test = task.load_test()
        labels = test.targets
        for record in untested:
            answers = outputs(kind.quantized(run.load(record.name, kind.anatomy)), test.images)
            metric = score_outputs(answers, task, labels)
            run.save_extra_metrics(record.name, task.extra_metrics(answers, labels))
            run.save_tested(record.name, metric)
        keep_sample_predictions(run, kind, task, test, ancestor.name, best.name)
    return run


def _advice(run: Run, stopped: str) -> str:
    """What to do about a run without a feasible offspring."""
    if stopped == "budget":
        return "; set a tighter budget, with --resume"
    if stopped == "death":
        return ""
    weights = run.folder(ANCESTOR) / "weights.safetensors"
    spared = f" (--weights {weights} --ancestor-epochs 0 spares the ancestor's training)"
    return f"; breed it {milder_run(run.config)}{'' if run.config.rewinds else spared}"
