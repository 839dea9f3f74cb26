"""Preflight: everything that can be refused before an ancestor is trained, in one call.

Cheap checks come first: numbers, then data, then the network, then the disk, then what must be read or measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from edgesynth.errors import UserError
from edgesynth.evolution.budgets.layer_times import times_of
from edgesynth.evolution.budgets.other_kernels import Kernels, with_other_kernels
from edgesynth.evolution.budgets.speedup import with_speedup
from edgesynth.evolution.budgets.this_machine import Clock, with_times
from edgesynth.evolution.executors import Executor, InProcess
from edgesynth.evolution.instrument import Instrument
from edgesynth.evolution.offspring.breeding import Breeder
from edgesynth.evolution.offspring.first_weights import NetworkState, begin_with_weights
from edgesynth.evolution.offspring.initial_weights import check_newborn
from edgesynth.evolution.preflight.disk_space import check_room
from edgesynth.evolution.preflight.feasibility import check_feasible
from edgesynth.evolution.preflight.measurable import check_measurable
from edgesynth.evolution.preflight.options import check_taught
from edgesynth.evolution.preflight.population import check_population, check_shared_out
from edgesynth.evolution.preflight.rounding import rounding_note
from edgesynth.evolution.progress import Progress
from edgesynth.evolution.strategy import build_breeder
from edgesynth.lineage import ANCESTOR, Config, Run, Species, species
from edgesynth.nurture import check_batch_size
from edgesynth.tasks import Task, load_task

# Handed in, since evolution knows no export. It is given the weights to begin with and {weight: precision of what
# has grown}, and returns what is to be reported.
Rehearse = Callable[[Config, Species, Task, Mapping[str, Tensor] | None, Mapping[str, str]], list[str]]


@dataclass(frozen=True)
class Cleared:
    """A run of which nothing was refused.

    Attributes:
        config: its configuration, a budget of latency that was a ratio in milliseconds.
        task: what its individuals learn.
        breeder: breeds them; it has the weights that the ancestor begins with.
        notes: what is to be reported.
        has_ancestor: whether the ancestor was trained before.
    """

    config: Config
    task: Task
    breeder: Breeder
    notes: list[str]
    has_ancestor: bool


def preflight(
    path: Path,
    config: Config,
    begun: bool,
    progress: Progress,
    executor: Executor,
    instrument: Instrument | None = None,
    kernels: Kernels | None = None,
    rehearse: Rehearse | None = None,
    given: NetworkState | None = None,
    clock: Clock | None = None,
) -> Cleared:
    """Check everything that can be checked before a training, and build what breeds the run.

    Nothing is written, and nothing is taken: neither the run's lock nor the executor's workers. A run that has begun is
    compared with its files after that, by `continued`, which may write: it needs the lock, and an executor that was not
    refused.

    Args:
        path: the run directory.
        config: the run's configuration.
        begun: whether the run is there already, and its lock held.
        progress: what is bred is reported to it.
        executor: where individuals will be nurtured; it is not entered.
        instrument: see `evolve`.
        kernels: see `evolve`.
        rehearse: see `evolve`.
        given: see `evolve`.
        clock: see `evolve`.

    Raises:
        UserError: the first check that fails, in the order of this function.
    """
    check_population(config)
    check_shared_out(config, in_process=isinstance(executor, InProcess))
    task = load_task(config.task, config.data_root, config.image_size, config.class_weights)
    check_taught(config, task)
    kind = species(config.ancestor, task, config.seed, config.branches)
    check_newborn(config, kind.model)
    kind, unread = with_other_kernels(kind, config, kernels)
    kind = with_times(kind, config, clock, path if begun else None, progress.note)
    times = times_of(kind)
    config, ratio = with_speedup(config, kind, times, begun)
    check_feasible(config, kind.anatomy, kind.other_kernels, times)
    breeder = build_breeder(config, kind, task, progress, path)
    images = len(breeder.cpu_task.train.labels)
    check_batch_size(kind.model, kind.input_shape, images, config.batch_size)
    has_ancestor = begun and Run(path, config).has(ANCESTOR)
    widths = rounding_note(config, breeder.budgets.machine)
    told = [kind.note, kind.anatomy.note, unread, ratio, widths, _small_train(config, task)]
    notes = [*task.notes, *filter(None, told)]
    if not has_ancestor:
        check_room(path, config, kind.anatomy)
        notes += begin_with_weights(breeder, path, given)
        if rehearse is not None:
            notes += rehearse(config, kind, task, breeder.weights, breeder.precision)
    if config.measure_on is not None:
        if instrument is None:
            raise UserError(
                f"measure_on is {config.measure_on} and nothing that measures was given; give an instrument"
            )
        if not has_ancestor:
            notes.append(check_measurable(breeder.budgets, kind, instrument, breeder.precision))
    return Cleared(config, task, breeder, notes, has_ancestor)


def _small_train(config: Config, task: Task) -> str:
    """What is to be reported where an epoch is a single step; else nothing."""
    images = len(task.train.labels)
    if images >= config.batch_size:
        return ""
    return (
        f"train has {images} images and --batch-size is {config.batch_size}, so an epoch is one step; a smaller "
        "--batch-size makes more of each"
    )
