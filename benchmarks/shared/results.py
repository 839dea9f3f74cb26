"""What the resumable studies share: their options, the rows that are finished, and where both are written."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.shared.lineages import bred
from benchmarks.shared.tables import write_table
from edgesynth.errors import UserError
from edgesynth.lineage import Run, resolve
from edgesynth.lineage.storage.files import write_json

BENCHMARKS = Path(__file__).resolve().parent.parent


def options(text: str | None, name: str, data: str, seeds: Sequence[int] = (0,)) -> argparse.ArgumentParser:
    """The options of all: a study adds its own.

    Args:
        text: the docstring of its `run.py`.
        name: the study's, which is its folder's.
        data: what --data-root holds.
        seeds: default of --seeds.
    """
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True, help=data)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds))
    parser.add_argument("--runs", type=Path, default=Path(f"runs/{name}"), help="where runs are kept")
    parser.add_argument("--again", action="store_true", help="run anew what has a result already")
    parser.add_argument("--trial", action="store_true", help="leave the results beside this script alone")
    return parser


class Results:
    """Rows of one study, kept as each is finished: in its folder, or in --runs with --trial.

    Args:
        name: the study's, which is its folder's.
        arguments: what `options` parsed.
        head: what the JSON says besides its rows.
    """

    def __init__(self, name: str, arguments: argparse.Namespace, **head: Any) -> None:
        arguments.runs.mkdir(parents=True, exist_ok=True)
        self.name, self.runs, self.again, self.trial = name, arguments.runs, arguments.again, arguments.trial
        self.file = (self.runs if self.trial else BENCHMARKS / name) / "result.json"
        kept = json.loads(self.file.read_text()) if self.file.is_file() else {}
        self.document: dict[str, Any] = {**kept, "benchmark": name, **head, "runs": kept.get("runs", {})}

    def missing(self, key: str, given: dict[str, Any]) -> bool:
        """Whether a row is to be made: there is none of these options, or all are wanted again."""
        known = self.document["runs"].get(key, {}).get("options") == json.loads(json.dumps(given))
        if known and not self.again:
            return False
        print(key, flush=True)
        return True

    def folder(self, name: str) -> Path:
        """The run directory of a row; emptied first where it is to be run anew."""
        path = self.runs / name.replace(", ", "-").replace(" ", "_")
        if self.again:
            shutil.rmtree(path, ignore_errors=True)
        return path

    def bred(self, key: str, given: dict[str, Any], *, barren_too: bool = False, **own: Any) -> Run:
        """The finished run of a row.

        Args:
            key: the row's.
            given: options that the row is for.
            barren_too: whether a run that ends without a feasible individual is a result, whose best is None.
            own: options that are no part of what it shows: seed, folders.
        """
        path = self.folder(key)
        try:
            return bred(self.runs, path, resolve(None, {**given, **own}))
        except UserError:
            if not (barren_too and path.exists() and Run.open(path).outcome()):
                raise
            return Run.open(path)

    def keep(self, key: str, given: dict[str, Any], row: dict[str, Any]) -> None:
        """Write a finished row."""
        self.document["runs"][key] = {"options": given, **row}
        write_json(self.file, self.document)

    def publish(self, table: Callable[[dict[str, Any]], str]) -> None:
        """Print the table, and put it into the README of the study."""
        text = table(self.document)
        print(text)
        if not self.trial:
            write_table(BENCHMARKS / self.name / "README.md", self.name, text)
