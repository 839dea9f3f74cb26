"""The files of a run that follow from its individuals and its data: whichever is lost or damaged is made anew."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgesynth.config import Config
from edgesynth.errors import UserError
from edgesynth.lineage.run_directory.predictions import FILE as PREDICTIONS
from edgesynth.lineage.run_directory.predictions import Predictions
from edgesynth.lineage.storage.formats import EXTRA_METRICS, TESTED, Outcome, TaskFile, held_to
from edgesynth.lineage.storage.reading import DamagedError, exists
from edgesynth.lineage.storage.sealed import read_sealed, write_sealed

# Pictures that another release of a decoder reads differ in the last bits of a pixel.
SAME_MEAN = 0.02


class Derived:
    """Part of a `Run`: outcome, verdicts of the test split, facts of the task, pictures.

    Attributes:
        path: the run directory.
        config: the run's.
    """

    path: Path
    config: Config

    def tested(self) -> dict[str, float]:
        """{individual: the task's metric on the test split}, of those that were reported."""
        return self._read("test.json", lambda path: held_to(TESTED, path, read_sealed(path)), {})

    def save_tested(self, name: str, metric: float) -> None:
        """Keep the one reading of the test split for an individual."""
        write_sealed(self.path / "test.json", {**self.tested(), name: metric})

    def extra_metrics(self) -> dict[str, dict[str, float]]:
        """{individual: {figure: value}}: what was found on the test split besides the metric."""
        return self._read("extra_metrics.json", lambda path: held_to(EXTRA_METRICS, path, read_sealed(path)), {})

    def save_extra_metrics(self, name: str, figures: dict[str, float]) -> None:
        """Keep what was found besides the metric of an individual, where anything was."""
        if figures:
            write_sealed(self.path / "extra_metrics.json", {**self.extra_metrics(), name: figures})

    def outcome(self) -> dict[str, Any]:
        """Why the run stopped and its best individual; empty while it has not."""
        return self._read("outcome.json", lambda path: held_to(Outcome, path, read_sealed(path)), {})

    def save_outcome(self, outcome: dict[str, Any]) -> None:
        """Keep why the run stopped."""
        write_sealed(self.path / "outcome.json", outcome)

    def predictions(self) -> Predictions | None:
        """Answers to a few test images; None where there are none."""
        return self._read(PREDICTIONS, Predictions.read, None)

    def task(self) -> dict[str, Any]:
        """What was kept of the task; its name alone, and no `labels`, where nothing was."""
        return self._read(
            "task.json",
            lambda path: held_to(TaskFile, path, read_sealed(path)),
            {"name": self.config.task, "metric": "accuracy"},
        )

    def save_task(self, facts: dict[str, Any]) -> None:
        """Keep what readers of the run have to know of its task without its data."""
        write_sealed(self.path / "task.json", facts)

    @property
    def metric(self) -> str:
        """Name of the task's metric."""
        return str(self.task()["metric"])

    def check_task(self, facts: dict[str, Any]) -> None:
        """Refuse data that are not those of the run: of a split made by chance, none would be where it was.

        Where the data lie is not asked: the same folder may be found by another path, or on another machine.

        Args:
            facts: of the task as its data are now, see `Task.to_json`.

        Raises:
            UserError: its labels are others, its images to train on and to select by are more or fewer, or some of
                them differ; or what was kept of it is missing or damaged.
        """
        known = self.task()
        if "labels" not in known:
            with self._made_anew():
                raise DamagedError(self.path / "task.json", "it is missing, which tells these data from others")
        for name in ("labels", "images"):
            if known[name] != facts[name]:
                raise self._other_data(f"{name} were {_words(known[name])} and are {_words(facts[name])}")
        for split, own in facts["samples"].items():
            sample = known["samples"].get(split, {"labels_sha256": "", "means": []})
            if own["labels_sha256"] != sample["labels_sha256"]:
                raise self._other_data(f"the labels of {split} are others, or stand in another order")
            if not _alike(own["means"], sample["means"]):
                raise self._other_data(f"the images of {split} are others, or stand in another order")

    def drop_damaged(self) -> list[str]:
        """Remove what is damaged of these files, so that it is made anew.

        Returns:
            What is to be reported of it, one line each.

        Raises:
            UserError: a folder stands in the place of one, or the system does not let it be read.
        """
        notes = []
        for read in (self.outcome, self.tested, self.extra_metrics, self.predictions, self.task):
            try:
                read()
            except DamagedError as error:
                if error.path.is_dir() and not error.path.is_symlink():
                    raise UserError(
                        f"{error.path} is a folder where a file belongs; move it aside and run the same command again"
                    ) from None
                error.path.unlink()
                notes.append(f"{error.path} was damaged ({error.why}) and is made anew")
        return notes

    def _read(self, name: str, read: Callable[[Path], Any], absent: Any) -> Any:
        path = self.path / name
        if not exists(path):
            return absent
        with self._made_anew():
            return read(path)

    @contextmanager
    def _made_anew(self) -> Iterator[None]:
        with advised(f"{resumed(self.path)} makes it anew, and breeds nothing that is there"):
            yield

    def _other_data(self, difference: str) -> UserError:
        return UserError(
            f"{self.path} was bred with other data, by its task.json: {difference}; put the data back as they were, or "
            "say with --data-root where they are, or breed anew with another --run"
        )


def resumed(run: Path) -> str:
    """The command that resumes a run."""
    return f"edgesynth evolve --run {shlex.quote(str(run))} --resume"


@contextmanager
def advised(advice: str) -> Iterator[None]:
    """Say what to do about a damaged file."""
    try:
        yield
    except DamagedError as error:
        raise DamagedError(error.path, error.why, advice) from None


def _alike(own: list[float], known: list[float]) -> bool:
    pairs = zip(own, known, strict=False)
    return len(own) == len(known) and all(
        abs(mean - known_mean) <= SAME_MEAN or (math.isnan(mean) and math.isnan(known_mean))
        for mean, known_mean in pairs
    )


def _words(facts: dict[str, int] | list[str]) -> str:
    """`train 20, validation 4`, or the labels."""
    return ", ".join([f"{name} {count:,}" for name, count in facts.items()] if isinstance(facts, dict) else facts)
