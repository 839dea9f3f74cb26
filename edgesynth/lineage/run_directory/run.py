"""The run directory: where individuals live.

NAME/config.toml                        resolved, versioned, with the sha256 of its content;
                                        what the JSON file of --board held is part of it
NAME/individuals/g003-c1/               individual.json (written last: without it there is no individual), which has
                                        the sha256 of the others: genome.json, weights.safetensors,
                                        scales.safetensors (where weights or activations are integers);
                                        the ancestor's rewind.safetensors, if the configuration asks for it;
                                        what the strategy has learned
                                        measured.json (clock and latency)
                                        figures.json, where it was measured on the machine that the run aims at
NAME/measurements/*.json                the same figures, as SHA256-PRECISION-ENGINE of the model that they are of
NAME/task.json                          what the task calls itself and its metric, and what it says of its data
NAME/outcome.json                       why the run stopped, its best individual, its Pareto front
NAME/test.json                          the test split's verdicts, one reading each
NAME/extra_metrics.json                 further figures of those verdicts
NAME/predictions.npz                    a few test images with the answers to them
NAME/given.safetensors                  the weights of a network that was handed over
NAME/bundles/, NAME/report.html         what export and report add
NAME/.lock                              who breeds in it
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from edgesynth.anatomy import Anatomy
from edgesynth.config import Config
from edgesynth.errors import UserError
from edgesynth.lineage.individual.genome import Genome
from edgesynth.lineage.individual.individual import NAME, Individual, Record, individual_name
from edgesynth.lineage.individual.measurement import Figures
from edgesynth.lineage.run_directory.ancestor_key import bred_by
from edgesynth.lineage.run_directory.derived import Derived, advised, resumed
from edgesynth.lineage.storage.files import remove_left_overs, write_bytes
from edgesynth.lineage.storage.fitting import check_fits
from edgesynth.lineage.storage.formats import FIGURES, GenomeFile, IndividualFile, Measured, held_to
from edgesynth.lineage.storage.kept_config import FILE as CONFIG
from edgesynth.lineage.storage.kept_config import read_kept, write_kept
from edgesynth.lineage.storage.lock import FILE as LOCK
from edgesynth.lineage.storage.lock import is_written_by_another
from edgesynth.lineage.storage.reading import DamagedError, exists, read_file
from edgesynth.lineage.storage.sealed import digest, read_sealed, write_sealed
from edgesynth.quantization import has_scale

RECORD, GENOME, WEIGHTS, SCALES, REWIND = (
    "individual.json",
    "genome.json",
    "weights.safetensors",
    "scales.safetensors",
    "rewind.safetensors",
)
MOST_GENOME_BYTES = 1 << 30
ANCESTOR = individual_name(0, 0)
# As `--weights` of a run: those of a network that was handed over, which lie in the run directory wherever that is.
GIVEN = Path("{run}/given.safetensors")


class OtherOptionsError(UserError):
    """An individual was bred by other options than those of the run that it lies in.

    Attributes:
        name: the individual's.
    """

    def __init__(self, path: Path, name: str, config: Path) -> None:
        super().__init__(
            f"{path} was bred by other options than {config} has: one of the two is of another run; put back the one "
            "that belongs here"
        )
        self.name = name


class Run(Derived):
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
        write_kept(path, config)
        return cls(path, config)

    @classmethod
    def open(cls, path: Path) -> Run:
        """Open a directory that an earlier run made.

        Raises:
            UserError: it is not a run directory, or its configuration is damaged.
        """
        return cls(path, read_kept(path))

    def reconfigure(self, config: Config) -> None:
        """Give it another configuration, by which all that it has would be the same."""
        write_kept(self.path, config)
        self.config = config

    def forget_outcome(self) -> None:
        """Forget why it stopped."""
        (self.path / "outcome.json").unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove what killed writers have left."""
        for folder in (self.path, *self.path.glob("individuals/*"), self.path / "measurements", self.path / "bundles"):
            remove_left_overs(folder)

    def folder(self, name: str) -> Path:
        """Folder of an individual, whether it exists or not."""
        return self.path / "individuals" / name

    def has(self, name: str) -> bool:
        """Whether an individual is finished."""
        return exists(self.folder(name) / RECORD)

    def names(self) -> list[str]:
        """Names of all finished individuals, oldest first; folders of other names, moved aside, are none."""
        return [name for name in self._folders() if self.has(name)]

    def unfinished(self) -> list[str]:
        """Names of the folders of individuals that have no record: being bred, cut off, or damaged."""
        return [name for name in self._folders() if not self.has(name)]

    def _folders(self) -> list[str]:
        names = (path.name for path in self.path.glob("individuals/*"))
        return sorted((name for name in names if NAME.fullmatch(name)), key=_place)

    def save(self, individual: Individual, threads: int | None = None) -> None:
        """Write an individual; its record goes last, so that a crash leaves a whole individual or none.

        Args:
            individual: bred by this run's options.
            threads: of the CPU, with which it was bred; torch's own now, if not given.

        Raises:
            UserError: a file stands in the place of its folder, or a folder in that of a file.
        """
        folder = self.folder(individual.name)
        try:
            folder.mkdir(exist_ok=True)
        except FileExistsError:
            raise UserError(
                f"{folder} is a file where the folder of an individual belongs; move it aside and run the same command "
                "again"
            ) from None
        contents = {WEIGHTS: safetensors.torch.save(individual.weights)}
        if individual.scales:
            contents[SCALES] = safetensors.torch.save(individual.scales)
        if individual.rewind is not None:
            contents[REWIND] = safetensors.torch.save(individual.rewind)
        contents.update(individual.files)
        for name, content in contents.items():
            write_bytes(folder / name, content)
        genome = individual.genome.to_json()
        write_sealed(folder / GENOME, genome)
        files = {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in contents.items()
        }
        facts = {
            **individual.record.to_json(),
            "threads": threads or torch.get_num_threads(),
            "bred_by": bred_by(self.config, individual.record.generation),
            "genome": digest(genome),
            "files": files,
        }
        write_sealed(folder / RECORD, facts)

    def record(self, name: str) -> Record:
        """Facts of an individual.

        Raises:
            UserError: there is none of that name, its file is damaged, or other options bred it.
        """
        return Record.from_json(self._facts(name))

    def records(self) -> list[Record]:
        """Facts of all finished individuals, oldest first."""
        return [self.record(name) for name in self.names()]

    def threads(self, name: str) -> int:
        """Threads of the CPU that an individual was bred with."""
        return int(self._facts(name)["threads"])

    def load(self, name: str, anatomy: Anatomy | None = None) -> Individual:
        """An individual with its genome and weights.

        Args:
            name: its name.
            anatomy: of the run's ancestor, to which it is held; without one it is only whole.

        Raises:
            UserError: there is none of that name, its files are damaged, or it is none of this ancestor.
        """
        facts, folder, figures = self._facts(name), self.folder(name), self.figures(name)
        with self._bred_again(name):
            genome = self._genome(folder / GENOME, facts["genome"])
            weights = self._tensors(name, WEIGHTS, facts)
            scaled = any(has_scale(precision) for precision in genome.precision.values())
            scales = self._tensors(name, SCALES, facts) if scaled else {}
            individual = Individual(Record.from_json(facts), genome, weights, scales, figures=figures)
            if anatomy is not None:
                check_fits(individual, anatomy, folder)
        return individual

    def rewind(self) -> dict[str, Tensor]:
        """The ancestor's weights early in its training.

        Raises:
            UserError: they were not kept, or are damaged.
        """
        facts = self._facts(ANCESTOR)
        with self._bred_again(ANCESTOR):
            return self._tensors(ANCESTOR, REWIND, facts)

    def content(self, name: str, file: str) -> bytes:
        """What an individual's folder has under a name, such as what its strategy has learned.

        Raises:
            UserError: there is no such file, or it is damaged.
        """
        facts = self._facts(name)
        with self._bred_again(name):
            return self._content(name, file, facts)

    def measured(self, name: str) -> dict[str, Any]:
        """Clock and latency of an individual; empty where nothing was measured.

        Raises:
            UserError: the file is damaged.
        """
        path = self.folder(name) / "measured.json"
        if not exists(path):
            return {}
        with advised(f"move it aside (mv {_quoted(path)} {_quoted(path)}.damaged): its times are lost, nothing else"):
            return held_to(Measured, path, read_sealed(path))

    def save_measured(self, name: str, figures: dict[str, Any]) -> None:
        """Keep figures that a replay will not give again: seconds, latency."""
        write_sealed(self.folder(name) / "measured.json", figures)

    def figures(self, name: str) -> Figures | None:
        """What was measured of an individual on the machine that the run aims at; None where it was not."""
        return self._figures(self.folder(name) / "figures.json")

    def save_figures(self, name: str, figures: Figures) -> None:
        """Keep what was measured of an individual; its offspring are a function of it."""
        write_sealed(self.folder(name) / "figures.json", figures.to_json())

    def measurement(self, sha256: str, precision: str, engine: str | None) -> Figures | None:
        """What was measured of a model at a precision on an engine, None for any; None where it was not."""
        paths = sorted((self.path / "measurements").glob(f"{sha256}-{precision}-{engine or '*'}.json"))
        return self._figures(paths[0]) if paths else None

    def save_measurement(self, figures: Figures) -> None:
        """Keep what was measured by model, precision and engine, for any individual that turns out to be the same."""
        folder = self.path / "measurements"
        folder.mkdir(exist_ok=True)
        name = f"{figures.model_sha256}-{figures.precision}-{figures.engine}.json"
        write_sealed(folder / name, figures.to_json())

    def _figures(self, path: Path) -> Figures | None:
        if not exists(path):
            return None
        again = "--resume takes the figures from measurements/, or measures anew"
        with advised(f"move it aside (mv {_quoted(path)} {_quoted(path)}.damaged): {again}"):
            return held_to(FIGURES, path, read_sealed(path))

    def _facts(self, name: str) -> dict[str, Any]:
        """What individual.json says, held to its schema, to its place and to the run's options."""
        path = self.folder(name) / RECORD
        if not NAME.fullmatch(name) or not self.has(name):
            known = ", ".join(self.names()) or "none yet"
            raise UserError(f"{self.path} has no individual {name!r}; it has {known}")
        with self._bred_again(name):
            facts = held_to(IndividualFile, path, read_sealed(path))
            record = Record.from_json(facts)
            if not record.name == facts["name"] == name:
                raise DamagedError(path, f"it is that of {facts['name']}")
            if digest(record.census.to_json()) != digest(facts["census"]):
                raise DamagedError(path, "the totals of its census are not those of its layers")
            if any(_place(parent)[0] >= record.generation for parent in record.parents):
                raise DamagedError(path, f"its parents ({', '.join(record.parents)}) are not older than it is")
        if facts["bred_by"] != bred_by(self.config, record.generation):
            raise OtherOptionsError(path, name, self.path / CONFIG)
        return facts

    def _genome(self, path: Path, sha256: str) -> Genome:
        data = held_to(GenomeFile, path, read_sealed(path, MOST_GENOME_BYTES))
        if digest(data) != sha256:
            raise DamagedError(path, "it is not the genome that individual.json was written with")
        try:
            return Genome.from_json(data)
        except ValueError as error:
            raise DamagedError(path, str(error)) from None

    def _tensors(self, name: str, file: str, facts: dict[str, Any]) -> dict[str, Tensor]:
        try:
            return safetensors.torch.load(self._content(name, file, facts))
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise DamagedError(self.folder(name) / file, f"it is no safetensors file ({error})") from None

    def _content(self, name: str, file: str, facts: dict[str, Any]) -> bytes:
        path, known = self.folder(name) / file, facts["files"].get(file)
        if known is None:
            raise DamagedError(path, "individual.json knows of no such file")
        content = read_file(path, known["bytes"])
        if len(content) != known["bytes"]:
            raise DamagedError(path, f"it has {len(content):,} bytes of {known['bytes']:,}")
        if hashlib.sha256(content).hexdigest() != known["sha256"]:
            raise DamagedError(path, "it was changed since it was written: its sha256 is not that in individual.json")
        return content

    @contextmanager
    def _bred_again(self, name: str) -> Iterator[None]:
        """Say what to do about a damaged file of an individual: it alone is bred again."""
        try:
            yield
        except DamagedError as error:
            folder = _quoted(self.folder(name))
            advice = f"breed this one again: mv {folder} {folder}.damaged && {resumed(self.path)}"
            if is_written_by_another(self.path):
                advice = "its run is being bred, which may be writing it now: try again in a moment"
            raise DamagedError(error.path, error.why, advice) from None


def is_taken(path: Path) -> bool:
    """Whether there is anything at a path that a new run must not touch.

    A run that was killed before its configuration was whole has left empty folders, its lock and a temporary file.
    """
    if not path.is_dir():
        return path.exists()
    return any(not entry.is_dir() and entry.suffix != ".tmp" and entry != path / LOCK for entry in path.rglob("*"))


def _place(name: str) -> tuple[int, int]:
    generation, _, child = name.removeprefix("g").partition("-c")
    return int(generation), int(child)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
