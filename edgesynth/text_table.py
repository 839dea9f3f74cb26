"""Tables in plain text, for every command on every machine (Python 3.6): literal cells, columns two spaces apart."""

import textwrap
from typing import Collection, List, Optional

from edgesynth.printable import printable

GAP = "  "


class TextTable:
    """A table of text.

    Args:
        headings: of the columns; a column of notes may have an empty one.
        right: headings of the columns that hold numbers, flush right.
        fold: headings of the columns that hold words, which are wrapped where the table is wider than allowed.
    """

    def __init__(self, *headings: str, right: Collection[str] = (), fold: Collection[str] = ()) -> None:
        self.headings = headings
        self.right = right
        self.fold = fold
        self.rows = []  # type: List[List[str]]

    def add_row(self, *cells: object) -> None:
        """Add a row: a cell for each heading, shown as text."""
        assert len(cells) == len(self.headings)
        self.rows.append([printable(cell) for cell in cells])

    def lines(self, most_columns: Optional[int] = None) -> List[str]:
        """The table's lines, the headings first, in one line.

        Args:
            most_columns: characters that a line may have, as far as `fold` allows it; None for any number.
        """
        rows = [list(map(printable, self.headings)), *self.rows]
        widths = self._widths(rows, most_columns)
        lines = []
        for row in rows:
            wrapped = [[cell] if len(cell) <= width else textwrap.wrap(cell, width) for cell, width in zip(row, widths)]
            for number in range(max(map(len, wrapped))):
                parts = [cell[number] if number < len(cell) else "" for cell in wrapped]
                lines.append(self._line(parts, widths))
        return lines

    def _widths(self, rows: List[List[str]], most_columns: Optional[int]) -> List[int]:
        """Characters of each column: of its longest cell, less what the widest columns of words have to give."""
        widths = [max(1, *(len(row[column]) for row in rows)) for column in range(len(self.headings))]
        if most_columns is None:
            return widths
        least = [max(len(heading), 12) if heading in self.fold else width for heading, width in zip(rows[0], widths)]
        while sum(widths) + len(GAP) * (len(widths) - 1) > most_columns:
            column = max(range(len(widths)), key=lambda column: widths[column] - least[column])
            if widths[column] <= least[column]:
                break
            widths[column] -= 1
        return widths

    def _line(self, parts: List[str], widths: List[int]) -> str:
        cells = [
            part.rjust(width) if heading in self.right else part.ljust(width)
            for heading, part, width in zip(self.headings, parts, widths)
        ]
        return GAP.join(cells).rstrip()
