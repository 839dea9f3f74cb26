"""`edgesynth evolve`: breed a lineage; every field of the run's configuration is an option of the same name."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgesynth import defaults
from edgesynth.cli import USER_ERRNO
from edgesynth.cli.options.evolve_options import COMMON, HEADINGS, config_options
from edgesynth.cli.options.headed_command import HeadedCommand
from edgesynth.cli.options.shared_options import output_options
from edgesynth.cli.terminal.output import print_json, print_lines, print_note
from edgesynth.config import names_in, resolve
from edgesynth.errors import UserError

if TYPE_CHECKING:
    from edgesynth.lineage import Run


@click.command(cls=HeadedCommand, common=COMMON, headings=HEADINGS)
@config_options
@click.option(
    "--run", "path", type=click.Path(path_type=Path), help="Run directory.  [default: runs/ANCESTOR-TASK-SEED]"
)
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="TOML file with any options of a run.")
@click.option("--resume", is_flag=True, help="Continue the run where it was.")
@click.option(
    "--executor",
    default=defaults.EXECUTOR,
    help=f"Where offspring are nurtured: process or ray; the result is the same.  [default: {defaults.EXECUTOR}]",
)
@click.option("--ray-address", help="Ray cluster: auto, HOST:6379, ray://HOST:10001.  [default: this machine alone]")
@click.option(
    "--gpus-per-offspring",
    type=float,
    default=defaults.GPUS_PER_OFFSPRING,
    help=f"Share of a GPU for each offspring on Ray.  [default: {defaults.GPUS_PER_OFFSPRING:g}]",
)
@click.option("--docker", is_flag=True, help="With --measure-on ssh://: in the board's container.")
@click.option("--remote-python", help=f"With --measure-on ssh://: the Python there.  [default: {defaults.PYTHON}]")
@output_options
def command(
    path: Path | None,
    config_file: Path | None,
    resume: bool,
    executor: str,
    ray_address: str | None,
    gpus_per_offspring: float,
    docker: bool,
    remote_python: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Breed a network over generations into a much smaller one.

    The ancestor is trained, then each generation is drawn from its parent's DNA, nurtured with the ancestor as teacher,
    and its best become the next parents. Stops at a budget, or when the task's metric falls below the floor.
    """
    # Imported here, so that --help does not wait for torch.
    from edgesynth.cli.terminal.console import console
    from edgesynth.cli.terminal.interruption import Interruption
    from edgesynth.cli.terminal.progress import progress_on
    from edgesynth.evolution import begun_with, build_executor, evolve, options_of
    from edgesynth.export import OnnxRuntimeClock, instrument_for, other_kernels_of, quick_latency, rehearse
    from edgesynth.lineage import changed_board, default_path, is_taken

    offspring_executor = build_executor(executor, ray_address, gpus_per_offspring)
    options = {name: value for name, value in options.items() if value is not None}
    resumes = resume and path is not None and is_taken(path) and config_file is None
    config = options_of(path, options) if resumes and path else resolve(config_file, options)
    path = path or default_path(config)
    if resume and not resumes:
        config = resolve(config_file, options, begun_with(path))
    if resume and not (options or config_file or is_taken(path)):
        raise UserError(
            f"--resume continues a run and {path} is no run; leave --resume out to start one, or give another --run"
        )
    if change := changed_board(config):
        print_note(change)
    instrument = instrument_for(config, docker, remote_python)
    notes: list[str] = []

    def rehearsed(*arguments: Any) -> list[str]:
        notes.extend(rehearse(*arguments))
        return notes

    screen, latency = console(err=as_json), partial(quick_latency, config.opset)
    with (
        Interruption() as interruption,
        progress_on(screen, interruption.check) as progress,
        _continued_with(path),
        _naming(config_file, options),
    ):
        handed_in = (progress, offspring_executor, instrument, other_kernels_of, rehearsed)
        run = evolve(path, config, resume, latency, *handed_in, clock=OnnxRuntimeClock())
    if as_json:
        from edgesynth.report import read_lineage

        print_json({"run": path, **read_lineage(run).to_json()})
    else:
        print_lines(_summary(run, notes))


def _summary(run: Run, notes: Sequence[str]) -> list[str]:
    """Why it stopped, its best, its fronts, and what comes next; `notes` of its export from before the training."""
    from edgesynth.cli.terminal.progress import front_line
    from edgesynth.export import NO_INT8

    outcome, tested = run.outcome(), run.tested()
    best, ancestor = tested[outcome["best"]], tested["g000-c0"]
    lines = [
        f"Stopped: {outcome['reason']}.",
        f"Best: {outcome['best']}, test {run.metric} {best:.2f} % (ancestor {ancestor:.2f} %).",
        f"Pareto front: {front_line(outcome['front'])}.",
    ]
    if "weight_bits" in outcome:
        lines.append(f"Size: {outcome['weight_bits']:,} bits of synapses, biases and normalization.")
    int8 = "" if any(line.startswith(NO_INT8) for line in notes) else " --int8"
    return [*lines, f"Next: edgesynth export {shlex.quote(str(run.path))}{int8}"]


@contextmanager
def _naming(config_file: Path | None, given: Mapping[str, Any]) -> Iterator[None]:
    """Name the file in a refusal that begins with an option which the file has set."""
    try:
        yield
    except UserError as error:
        option = re.match(r"--([a-z-]+) ", str(error))
        name = option[1].replace("-", "_") if option else ""
        if config_file is None or name in given or name not in names_in(config_file):
            raise
        raise UserError(f"{config_file}: {error}") from error


@contextmanager
def _continued_with(path: Path) -> Iterator[None]:
    """Say how to continue after a failure of the file system, such as a full disk."""
    from edgesynth.lineage import is_taken, resumed

    try:
        yield
    except OSError as error:
        if error.errno not in USER_ERRNO or not is_taken(path):
            raise
        what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        raise UserError(f"{what}. Nothing finished was lost; mend this and go on with: {resumed(path)}") from error
