"""Progress on a terminal, drawn by rich from literal text: no name is read as markup or as an emoji.

`[red]` and `:smile:` in a name are what they are, and what a terminal would obey is shown as an escape.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from edgesynth.cli.terminal.logs import is_quiet
from edgesynth.printable import printable


def literal(text: object) -> Text:
    """Text that rich draws as it is."""
    return Text(printable(text))


def console(err: bool = False) -> Console:
    """A console.

    Args:
        err: on standard error.
    """
    # Not stderr=True: that would follow sys.stderr, which tracing takes away from torch for a while.
    return Console(file=sys.stderr if err else sys.stdout)


def print_literal(on: Console, line: object) -> None:
    """Print one line on a console, at whatever length."""
    on.print(literal(line), soft_wrap=True)


@contextmanager
def status(line: str) -> Iterator[Callable[[str], None]]:
    """Show on standard error, where that is a terminal, what is being done.

    Args:
        line: what is done first.

    Yields:
        A function that takes what is done next.
    """
    if is_quiet():
        yield lambda text: None
        return
    with console(err=True).status(literal(line)) as shown:
        yield lambda text: shown.update(literal(text))
