"""`edgesynth evolve`: every field of the run's configuration is an option of the same name."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from edgesynth.cli import USER_ERRNO
from edgesynth.cli.output import json_option, print_json, print_lines
from edgesynth.config import Config, resolve
from edgesynth.errors import UserError

if TYPE_CHECKING:
    from edgesynth.export import OnMachine
    from edgesynth.lineage import Individual, Run, Species

INTERNAL = ("schema_version",)


def _config_options(function: Callable[..., None]) -> Callable[..., None]:
    """One option for each field of `Config`, which checks the bounds, be they from here or from a file."""
    for name, field in reversed([item for item in Config.model_fields.items() if item[0] not in INTERNAL]):
        kind, words = _type(field)
        default = "" if field.default is None else f"  [default: {field.default}]"
        help_text = f"{field.description}{': ' + ' or '.join(words) if words else ''}{default}"
        option = f"--{name.replace('_', '-')}"
        spelled = f"{option}/--no-{option[2:]}" if kind is bool else option
        function = click.option(spelled, name, type=kind, default=None, help=help_text)(function)
    return function


def _type(field: FieldInfo) -> tuple[Any, tuple[str, ...]]:
    """The click type of a field, and its words where it is a choice."""
    kind = _when_set(field.annotation)
    if choices := [option for option in get_args(kind) if get_origin(option) is Literal]:
        return str, get_args(choices[0])  # or a class of the user's, as its help says
    if get_origin(kind) is Literal:
        return str, get_args(kind)
    return (click.Path(path_type=Path) if kind is Path else kind), ()


def _when_set(annotation: Any) -> Any:
    """What a value is where it is set: `int` of `int | None`."""
    options = get_args(annotation)
    return next(one for one in options if one is not NoneType) if NoneType in options else annotation


@click.command()
@_config_options
@click.option(
    "--run", "path", type=click.Path(path_type=Path), help="Run directory.  [default: runs/ANCESTOR-TASK-SEED]"
)
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="TOML file with any of the options above."
)
@click.option("--resume", is_flag=True, help="Continue the run where it was.")
@click.option(
    "--executor",
    default="process",
    help="Where offspring are nurtured: process or ray; the result is the same.  [default: process]",
)
@click.option("--ray-address", help="Ray cluster: auto, HOST:6379, ray://HOST:10001.  [default: this machine alone]")
@click.option(
    "--gpus-per-offspring", type=float, default=0.0, help="Share of a GPU for each offspring on Ray.  [default: 0]"
)
@click.option("--docker", is_flag=True, help="With --measure-on ssh://: in the board's container.")
@click.option("--remote-python", help="With --measure-on ssh://: the Python there.  [default: python3]")
@json_option
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
    **given: Any,
) -> None:
    """Breed a network over generations into a much smaller one.

    The ancestor is trained, then each generation is drawn from its parent's DNA, nurtured with the ancestor as teacher,
    and its best become the next parents. Stops at a budget, or when the task's metric falls below the floor.
    """
    # Imported here, so that --help does not wait for torch.
    from edgesynth.cli.console import console
    from edgesynth.cli.interruption import Interruption
    from edgesynth.cli.progress import progress_on
    from edgesynth.evolution import build_executor, evolve, options_of
    from edgesynth.export import other_kernels_of, rehearse
    from edgesynth.lineage import default_path, is_taken

    crew = build_executor(executor, ray_address, gpus_per_offspring)
    given = {name: value for name, value in given.items() if value is not None}
    going_on = resume and path is not None and is_taken(path) and config_file is None
    config = options_of(path, given) if going_on and path else resolve(config_file, given)
    path = path or default_path(config)
    if resume and not (given or config_file or is_taken(path)):
        raise UserError(
            f"--resume continues a run and {path} is no run; leave --resume out to start one, or give another --run"
        )
    instrument = _instrument(config, docker, remote_python)
    told: list[str] = []

    def rehearsed(*given: Any) -> list[str]:
        told.extend(rehearse(*given))
        return told

    screen, latency = console(err=as_json), partial(_latency, config.opset)
    with Interruption() as interruption, progress_on(screen, interruption.check) as progress, _continued_with(path):
        run = evolve(path, config, resume, latency, progress, crew, instrument, other_kernels_of, rehearsed)
    if as_json:
        from edgesynth.report import read_lineage

        print_json({"run": path, **read_lineage(run).to_json()})
    else:
        print_lines(_summary(run, told))


def _summary(run: Run, told: Sequence[str]) -> list[str]:
    """Why it stopped, its best, its fronts, and what comes next; `told` of its export before the training."""
    from edgesynth.cli.progress import front_line
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
    int8 = "" if any(line.startswith(NO_INT8) for line in told) else " --int8"
    return [*lines, f"Next: edgesynth export {shlex.quote(str(run.path))}{int8}"]


@contextmanager
def _continued_with(path: Path) -> Iterator[None]:
    """Say how to go on after a failure of the file system, such as a full disk; a run that has begun is resumed."""
    from edgesynth.lineage import is_taken, resumed

    try:
        yield
    except OSError as error:
        if error.errno not in USER_ERRNO or not is_taken(path):
            raise
        what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        raise UserError(f"{what}. Nothing finished was lost; mend this and go on with: {resumed(path)}") from error


def _instrument(config: Config, docker: bool, python: str | None) -> OnMachine | None:
    """What measures, where the configuration names a machine."""
    from edgesynth.benchmark.remote import LOCAL, Options
    from edgesynth.export import OnMachine

    if (docker or python) and (config.measure_on is None or config.measure_on == LOCAL):
        raise UserError(
            f"{'--docker' if docker else '--remote-python'} is for another machine and --measure-on is "
            f"{config.measure_on or 'not given'}; add --measure-on ssh://user@host, or leave it out"
        )
    return None if config.measure_on is None else OnMachine(config, docker, python or Options().python)


def _latency(opset: int, species: Species, individual: Individual) -> dict[str, float]:
    """Median latency of the removed network, batch 1, one thread, ONNX Runtime on this machine.

    Nothing where it cannot be written as ONNX: no lineage depends on it, and `export` says what to do.
    """
    from edgesynth.benchmark.measure.quick import measure_model
    from edgesynth.export import to_onnx

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        try:
            to_onnx(species.removed(individual), species.input_shape, file, opset)
        except UserError:
            return {}
        return {"latency_ms": measure_model(str(file), species.input_shape)["latency_ms"]["p50"]}
