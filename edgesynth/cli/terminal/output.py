"""What a command prints: lines of literal text, tables, or one JSON document (Python 3.6).

All that commands print goes through this file or, where rich draws progress, through `cli/terminal/console.py`.
"""

import json
import math
import os
import shutil
import sys
from typing import Any, Iterable

import click

from edgesynth.cli.terminal.logs import is_quiet
from edgesynth.printable import printable, printable_lines
from edgesynth.text_table import TextTable


def print_line(line: object, err: bool = False) -> None:
    """Print one line; names in it are shown literally.

    Args:
        line: what to print.
        err: print to standard error.
    """
    click.echo(printable(line), err=err)


def print_note(line: object) -> None:
    """Print a line of progress, or a note, to standard error: there it never mixes with results. Not with --quiet."""
    if not is_quiet():
        print_line(line, err=True)


def print_lines(lines: Iterable[object]) -> None:
    """Print lines below each other, as `print_line` does."""
    click.echo(printable_lines(lines))


def print_table(table: TextTable) -> None:
    """Print a table: as wide as the terminal or as COLUMNS says; of any width where a program reads it."""
    bounded = sys.stdout.isatty() or "COLUMNS" in os.environ
    heading, *rows = table.lines(shutil.get_terminal_size().columns if bounded else None)
    click.secho(heading, bold=True)
    if rows:
        print_lines(rows)


def print_json(facts: Any) -> None:
    """Print one JSON document: in ASCII, and null where a number is not finite, for which JSON has no word.

    Args:
        facts: plain values; paths and tuples may be among them.
    """
    click.echo(json.dumps(_finite(facts), indent=1, allow_nan=False, default=os.fspath))


def let_any_name_be_printed() -> None:
    """Have a stream escape the characters that its encoding lacks, such as an accent where the locale is C."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # Python 3.7 and newer
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
