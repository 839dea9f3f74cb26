"""Tables and progress on a terminal, drawn by rich from literal text: no name is read as markup or as an emoji.

`[red]` and `:smile:` in a name are what they are, and what a terminal would obey is shown as an escape.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgesynth.printable import printable

PIPE_WIDTH = 200  # a pipe has no width of its own; what is cut or wrapped there is lost to the program that reads it


def literal(text: object) -> Text:
    """Text that rich draws as it is."""
    return Text(printable(text))


def console(err: bool = False, pipe_width: int | None = None) -> Console:
    """A console.

    Args:
        err: on standard error.
        pipe_width: columns where it is no terminal; None for those that rich guesses.
    """
    # Not stderr=True: that would follow sys.stderr, which tracing takes away from torch for a while.
    stream = sys.stderr if err else sys.stdout
    drawn = Console(file=stream)
    return drawn if drawn.is_terminal or pipe_width is None else Console(file=stream, width=pipe_width)


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
    with console(err=True).status(literal(line)) as shown:
        yield lambda text: shown.update(literal(text))


class LiteralTable(Table):
    """A table whose cells are literal text.

    Args:
        headings: of the columns.
        right: which of them hold numbers, flush right.
        fold: which of them hold words that may be wrapped; the others stay in one line.
        box: the frame; none by default.
    """

    def __init__(
        self, *headings: str, right: Collection[str] = (), fold: Collection[str] = (), box: Box | None = None
    ) -> None:
        super().__init__(box=box, header_style="bold", pad_edge=False, collapse_padding=box is not None)
        for heading in headings:
            self.add_column(
                literal(heading),
                justify="right" if heading in right else "left",
                no_wrap=heading not in fold,
                overflow="fold" if heading in fold else "ellipsis",
            )

    def add_row(self, *cells: Any, **how: Any) -> None:
        """Add a row; see `rich.table.Table.add_row`."""
        super().add_row(*map(literal, cells), **how)
