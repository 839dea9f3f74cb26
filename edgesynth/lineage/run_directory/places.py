"""Where runs lie, and how one of their individuals is named on the command line."""

from __future__ import annotations

from pathlib import Path

from edgesynth.config import Config
from edgesynth.errors import UserError
from edgesynth.lineage.run_directory.run import Run


def milder_run(config: Config) -> str:
    """How to breed again where no offspring met the floor, as in `breed it ...`."""
    floor = "a higher --max-loss" if config.min_accuracy is None else "a lower --min-accuracy"
    return f"in another --run with {floor}, a higher --keep or more --epochs"


def default_path(config: Config) -> Path:
    """Where a run goes by default: `runs/ANCESTOR-TASK-SEED`, of a folder's path its last name."""
    kind, colon, rest = config.task.partition(":")
    task = f"{kind}{colon}{Path(rest).name}"
    return Path("runs") / f"{config.ancestor}-{task}-{config.seed}".replace(":", ".")


def parse_individual(text: str) -> tuple[Run, str]:
    """`RUN` or `RUN:INDIVIDUAL` to the run and the individual's name; a bare run means its best feasible individual.

    Raises:
        UserError: there is no such run or individual, or the run has no feasible individual.
    """
    path, name = text, ""
    if not (Path(text) / "config.toml").is_file() and ":" in text:
        path, _, name = text.rpartition(":")
    run = Run.open(Path(path))
    if name:
        run.record(name)
        return run, name
    best = run.outcome().get("best")
    if best is None:
        why = (
            "its run is not finished (it has no outcome.json): continue it with edgesynth evolve --resume"
            if not run.outcome()
            else f"none meets its {run.metric} floor: breed it {milder_run(run.config)}"
        )
        raise UserError(
            f"{run.path} has no best individual; {why}, or name one of {', '.join(run.names()) or 'none yet'}"
        )
    return run, best
