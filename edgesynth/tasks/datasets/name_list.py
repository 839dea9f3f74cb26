"""Text files that name something, one name a line: the classes of a data set, or the images of a split."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.tasks.datasets.summarize import few


def names_in(file: Path) -> list[str]:
    """The lines of a file that are not empty, in their order, without the space around them.

    Raises:
        UserError: it cannot be read, or is not in UTF-8.
    """
    try:
        # Editors on Windows begin a file in UTF-8 with a mark, which is no part of the first name.
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read ({error}); write one name a line, in UTF-8") from None
    return [line.strip() for line in lines if line.strip()]


def take(names: Iterable[str], file: Path, taken: dict[str, Path]) -> None:
    """Enter names as taken by a file.

    Args:
        names: of a split.
        file: the list that has them.
        taken: {name: the list that has it}, changed in place.

    Raises:
        UserError: another list has one of them.
    """
    names = list(names)
    twice = [f"{name} is in {taken[name].name}" for name in names if name in taken]
    if twice:
        raise UserError(f"{file} names {len(twice):,} that another list has: {few(twice)}; a split must not overlap")
    taken.update(dict.fromkeys(names, file))
