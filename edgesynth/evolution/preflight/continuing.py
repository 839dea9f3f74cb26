"""Resuming a run: its options, its data and its first weights must be those that it was begun with."""

from __future__ import annotations

from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.evolution.offspring.first_weights import check_first_weights, first_weights
from edgesynth.lineage import (
    ANCESTOR,
    Config,
    DamagedError,
    OtherOptionsError,
    Run,
    Species,
    differing,
    has_same_ancestor,
    is_taken,
    relocated,
    resolve,
)
from edgesynth.nurture import score
from edgesynth.tasks import Task

# Another processor or number of threads may let a few images, or points, fall to the other side: of a hundred, two.
DRIFT_IMAGES, DRIFT_SHARE, DRIFT_POINTS = 2, 0.02, 0.1


def options_of(path: Path, given: dict[str, object]) -> Config:
    """Options of a run that is resumed: its own, overlaid by those that are given.

    Where its own are damaged, those that are given must be all of them; the run's individuals tell.

    Args:
        path: the run directory.
        given: {name: value}, as on the command line.

    Raises:
        UserError: its options cannot be read and none are given, or a value is out of its range.
    """
    try:
        own = Run.open(path).config
    except DamagedError:
        if not given:
            raise
        return resolve(None, given)
    if "board" in given:
        own = own.model_copy(update={"board_facts": None})  # to be read anew, and held to what the run keeps
    data_root = given.get("data_root") if "task" not in given else None
    own = relocated(own, None if data_root is None else Path(str(data_root)))
    return resolve(None, {**own.model_dump(exclude_none=True), **given})


def begun_with(path: Path) -> Config | None:
    """The options that a run to be resumed keeps; None where there is no run, or they are damaged."""
    if not is_taken(path):
        return None
    try:
        return Run.open(path).config
    except UserError:  # told when it is resumed
        return None


def continued(path: Path, config: Config, task: Task, kind: Species) -> tuple[Run, list[str]]:
    """The run at a path, with this configuration: its own, or another by which nothing that it has would differ.

    It is left as it is, where options or data are others: nothing is written then but what was damaged before.

    Args:
        path: the run directory, whose lock is held.
        config: the options of the resumed run.
        task: its data.
        kind: its ancestor's network and anatomy.

    Returns:
        The run, and what is to be reported of it.

    Raises:
        UserError: options, data or first weights are others, or a file is damaged that cannot be made anew.
    """
    run, notes = _opened(path, config)
    changed = differing(run.config, config)
    if changed and not (set(run.names()) <= {ANCESTOR} and has_same_ancestor(run.config, config)):
        before, now = run.config.model_dump(), config.model_dump()
        words = ", ".join(f"{name} was {before[name]} and is {now[name]}" for name in changed)
        raise UserError(
            f"{path} was started with other options: {words}; resume it with the same, or give another --run"
        )
    run.tidy()
    notes += run.drop_damaged()
    if run.has(ANCESTOR):
        if "labels" in run.task():
            run.check_task(task.to_json())
        else:
            _check_answers(run, task, kind)
        if config.weights != run.config.weights and (weights := first_weights(config, kind, path)):
            check_first_weights(run, weights)
    if run.config != config:
        run.reconfigure(config)
    if changed:
        run.forget_outcome()
    return run, notes


def _opened(path: Path, config: Config) -> tuple[Run, list[str]]:
    """The run; where its options are damaged, with those that are given, if its individuals were bred by these."""
    try:
        return Run.open(path), []
    except DamagedError as error:
        run = Run(path, config)
        try:
            run.records()
        except OtherOptionsError as other:
            raise UserError(
                f"{error.path} is damaged ({error.why}), and the options that are given are not those by which "
                f"{other.name} was bred; give every option that the run was started with, or put the file back from a "
                "copy"
            ) from None
        run.reconfigure(config)
        return run, [f"{error.path} was damaged ({error.why}) and is written anew from the options that were given"]


def _check_answers(run: Run, task: Task, kind: Species) -> None:
    """Where nothing tells the data of the run from others, its ancestor does: it must answer them as it did."""
    ancestor = run.load(ANCESTOR, kind.anatomy)
    known, now = ancestor.record.validation, score(kind.removed(ancestor), task, task.validation)
    count = len(task.validation.labels)
    allowed = max(DRIFT_POINTS, 100 * min(DRIFT_IMAGES, int(DRIFT_SHARE * count)) / count)
    if abs(now - known) > allowed:
        raise UserError(
            f"{run.path} was bred with other data: its ancestor had {known:.2f} % {task.metric_name} on validation and "
            f"has {now:.2f} % on these; put the data back as they were, or say with --data-root where they are, or "
            "breed anew with another --run"
        )
