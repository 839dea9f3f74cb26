"""The run directory: where individuals live.

NAME/config.toml                        resolved, versioned
NAME/individuals/g003-c1/               individual.json (written last: without it there is no individual),
                                        genome.json, weights.safetensors, measured.json (clock and latency),
                                        scales.safetensors (where weights or activations are integers);
                                        the ancestor's rewind.safetensors, if the configuration asks for it
                                        figures.json, where it was measured on the machine that the run aims at
NAME/measurements/*.json                the same figures, as SHA256-PRECISION-ENGINE of the model that they are of
NAME/task.json                          what the task calls itself and its metric, and what it says of its data
NAME/outcome.json                       why the run stopped, its best individual, its Pareto front
NAME/test.json                          the test split's verdicts, one reading each
NAME/beside.json, predictions.npz       further figures of those verdicts; a few test images with the answers to them
NAME/bundles/, NAME/report.html         what export and report add
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from edgesynth.config import Config, resolve
from edgesynth.errors import UserError
from edgesynth.lineage.figures import Figures
from edgesynth.lineage.files import write_bytes, write_json
from edgesynth.lineage.genome import Genome
from edgesynth.lineage.individual import Individual, Record, individual_name
from edgesynth.precision import has_scale


class Run:
    """One run directory. Create it with `Run.create`, reach an existing one with `Run.open`."""

    def __init__(self, path: Path, config: Config) -> None:
        self.path = path
        self.config = config

    @classmethod
    def create(cls, path: Path, config: Config) -> Run:
        """Make the directory.

        Raises:
            UserError: it exists already, and holds something.
        """
        if is_taken(path):
            raise UserError(f"{path} exists already; continue it with --resume, or give another --run")
        (path / "individuals").mkdir(parents=True, exist_ok=True)
        write_bytes(path / "config.toml", config.to_toml().encode())
        return cls(path, config)

    @classmethod
    def open(cls, path: Path) -> Run:
        """Open a directory that an earlier run made.

        Raises:
            UserError: it is not a run directory.
        """
        if not (path / "config.toml").is_file():
            raise UserError(
                f"{path} is not a run: it has no config.toml; give the folder that edgesynth evolve --run made"
            )
        return cls(path, resolve(path / "config.toml", {}))

    def reconfigure(self, config: Config) -> None:
        """Give it another configuration, by which all that it has would be the same; why it stopped is forgotten."""
        if self.config != config:
            (self.path / "outcome.json").unlink(missing_ok=True)
            write_bytes(self.path / "config.toml", config.to_toml().encode())
            self.config = config

    def folder(self, name: str) -> Path:
        """Folder of an individual, whether it exists or not."""
        return self.path / "individuals" / name

    def has(self, name: str) -> bool:
        """Whether an individual is finished."""
        return (self.folder(name) / "individual.json").is_file()

    def names(self) -> list[str]:
        """Names of all finished individuals, oldest first."""
        return sorted((path.parent.name for path in self.path.glob("individuals/*/individual.json")), key=_place)

    def save(self, individual: Individual) -> None:
        """Write an individual; its record goes last, so that a crash leaves a whole individual or none."""
        folder = self.folder(individual.name)
        folder.mkdir(exist_ok=True)
        write_bytes(folder / "weights.safetensors", safetensors.torch.save(individual.weights))
        if individual.scales:
            write_bytes(folder / "scales.safetensors", safetensors.torch.save(individual.scales))
        if individual.rewind is not None:
            write_bytes(folder / "rewind.safetensors", safetensors.torch.save(individual.rewind))
        write_json(folder / "genome.json", individual.genome.to_json())
        for name, content in individual.files.items():
            write_bytes(folder / name, content)
        write_json(folder / "individual.json", individual.record.to_json())

    def record(self, name: str) -> Record:
        """Facts of an individual.

        Raises:
            UserError: there is none of that name.
        """
        if not self.has(name):
            known = ", ".join(self.names()) or "none yet"
            raise UserError(f"{self.path} has no individual {name!r}; it has {known}")
        return Record.from_json(self._json(self.folder(name) / "individual.json"))

    def records(self) -> list[Record]:
        """Facts of all finished individuals, oldest first."""
        return [self.record(name) for name in self.names()]

    def load(self, name: str) -> Individual:
        """An individual with its genome and weights.

        Raises:
            UserError: there is none of that name, or its files are damaged.
        """
        record, folder = self.record(name), self.folder(name)
        weights = self._tensors(folder / "weights.safetensors")
        genome = Genome.from_json(self._json(folder / "genome.json"))
        scaled = any(has_scale(precision) for precision in genome.precision.values())
        scales = self._tensors(folder / "scales.safetensors") if scaled else {}
        return Individual(record, genome, weights, scales, figures=self.figures(name))

    def rewind(self) -> dict[str, Tensor]:
        """The ancestor's weights early in its training.

        Raises:
            UserError: they were not kept, or are damaged.
        """
        return self._tensors(self.folder(individual_name(0, 0)) / "rewind.safetensors")

    def measured(self, name: str) -> dict[str, Any]:
        """Clock and latency of an individual; empty where nothing was measured."""
        path = self.folder(name) / "measured.json"
        return self._json(path) if path.is_file() else {}

    def save_measured(self, name: str, figures: dict[str, Any]) -> None:
        """Keep figures that a replay will not give again: seconds, latency."""
        write_json(self.folder(name) / "measured.json", figures)

    def figures(self, name: str) -> Figures | None:
        """What was measured of an individual on the machine that the run aims at; None where it was not."""
        return self._figures(self.folder(name) / "figures.json")

    def save_figures(self, name: str, figures: Figures) -> None:
        """Keep what was measured of an individual; its offspring are a function of it."""
        write_json(self.folder(name) / "figures.json", figures.to_json())

    def measurement(self, sha256: str, precision: str, engine: str | None) -> Figures | None:
        """What was measured of a model at a precision on an engine, None for any; None where it was not."""
        found = sorted((self.path / "measurements").glob(f"{sha256}-{precision}-{engine or '*'}.json"))
        return self._figures(found[0]) if found else None

    def save_measurement(self, figures: Figures) -> None:
        """Keep what was measured by model, precision and engine, for any individual that turns out to be the same."""
        folder = self.path / "measurements"
        folder.mkdir(exist_ok=True)
        name = f"{figures.model_sha256}-{figures.precision}-{figures.engine}.json"
        write_json(folder / name, figures.to_json())

    def tested(self) -> dict[str, float]:
        """{individual: the task's metric on the test split}, of those that were reported."""
        path = self.path / "test.json"
        return self._json(path) if path.is_file() else {}

    def save_tested(self, name: str, metric: float) -> None:
        """Keep the one reading of the test split for an individual."""
        write_json(self.path / "test.json", {**self.tested(), name: metric})

    def save_task(self, facts: dict[str, Any]) -> None:
        """Keep what whoever reads the run has to know of its task without its data."""
        write_json(self.path / "task.json", facts)

    def check_task(self, facts: dict[str, Any]) -> None:
        """Refuse data that are not those of the run: of a split made by chance, none would be where it was.

        Args:
            facts: of the task as its data are now, see `Task.to_json`.

        Raises:
            UserError: its labels are others, or its images to train on and to select by are more or fewer.
        """
        known = self.task()
        for name in ("labels", "images"):
            if name in known and known[name] != facts[name]:
                raise UserError(
                    f"{self.path} was bred with other data: {name} were {_words(known[name])} and are "
                    f"{_words(facts[name])}; put the data back as they were, or breed anew with another --run"
                )

    def task(self) -> dict[str, Any]:
        """What was kept of the task; a run of an older edgesynth, which kept nothing, has accuracy."""
        path = self.path / "task.json"
        return self._json(path) if path.is_file() else {"name": self.config.task, "metric": "accuracy"}

    @property
    def metric(self) -> str:
        """Name of the task's metric."""
        return str(self.task()["metric"])

    def beside(self) -> dict[str, dict[str, float]]:
        """{individual: {figure: value}}: what was found on the test split besides the metric."""
        path = self.path / "beside.json"
        return self._json(path) if path.is_file() else {}

    def save_beside(self, name: str, figures: dict[str, float]) -> None:
        """Keep what was found besides the metric of an individual, where anything was."""
        if figures:
            write_json(self.path / "beside.json", {**self.beside(), name: figures})

    def outcome(self) -> dict[str, Any]:
        """Why the run stopped and its best individual; empty while it has not."""
        path = self.path / "outcome.json"
        return self._json(path) if path.is_file() else {}

    def save_outcome(self, outcome: dict[str, Any]) -> None:
        """Keep why the run stopped."""
        write_json(self.path / "outcome.json", outcome)

    def _figures(self, path: Path) -> Figures | None:
        return Figures.from_json(self._json(path)) if path.is_file() else None

    def _tensors(self, path: Path) -> dict[str, Tensor]:
        try:
            return safetensors.torch.load_file(path)
        except (OSError, SafetensorError) as error:
            raise UserError(
                f"{path} cannot be read ({error}); delete {path.parent} and breed it again with --resume"
            ) from None

    def _json(self, path: Path) -> Any:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(
                f"{path} cannot be read ({error}); delete {path.parent} and breed it again with --resume"
            ) from None


def milder_run(config: Config) -> str:
    """How to breed again where no offspring met the floor, as in `breed it ...`."""
    floor = "a higher --max-loss" if config.min_accuracy is None else "a lower --min-accuracy"
    return f"in another --run with {floor}, a higher --keep or more --epochs"


def default_path(config: Config) -> Path:
    """Where a run goes if nobody says otherwise: `runs/ANCESTOR-TASK-SEED`, of a folder's path its last name."""
    kind, colon, rest = config.task.partition(":")
    task = f"{kind}{colon}{Path(rest).name}"
    return Path("runs") / f"{config.ancestor}-{task}-{config.seed}".replace(":", ".")


def is_taken(path: Path) -> bool:
    """Whether there is anything at a path that a new run must not touch.

    A run that was killed before its configuration was whole has left empty folders and a temporary file.
    """
    if not path.is_dir():
        return path.exists()
    return any(not entry.is_dir() and entry.suffix != ".tmp" for entry in path.rglob("*"))


def _place(name: str) -> tuple[int, int]:
    generation, _, child = name.removeprefix("g").partition("-c")
    return (int(generation), int(child)) if generation.isdigit() and child.isdigit() else (1 << 30, 0)


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
            "its run is not finished: continue it with edgesynth evolve --resume"
            if not run.outcome()
            else f"none meets its {run.metric} floor: breed it {milder_run(run.config)}"
        )
        raise UserError(
            f"{run.path} has no best individual; {why}, or name one of {', '.join(run.names()) or 'none yet'}"
        )
    return run, best


def _words(facts: dict[str, int] | list[str]) -> str:
    """`train 20, validation 4`, or the labels."""
    return ", ".join([f"{name} {count:,}" for name, count in facts.items()] if isinstance(facts, dict) else facts)
