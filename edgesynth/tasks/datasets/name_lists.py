"""Text files that name something, one name a line: the classes of a data set (`classes.txt`), the images of a split."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.tasks.datasets.summarize import summarize

CLASSES_FILE = "classes.txt"  # in the folder of a data set


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


def listed_classes(folder: Path, least: int = 1, most: int | None = None) -> list[str] | None:
    """The classes of `classes.txt`, in the order of their numbers from 0; None where there is no such file.

    Args:
        folder: of the data set.
        least: classes that there must be.
        most: classes that there may be; None for any number.

    Raises:
        UserError: it cannot be read, repeats a name, or names too few classes or too many.
    """
    file = folder / CLASSES_FILE
    if not file.is_file():
        return None
    names = names_in(file)
    different = len(set(names))
    if different < len(names) or len(names) < least or (most is not None and len(names) > most):
        wanted = f"at least {least}" if most is None else f"{least} to {most}"
        raise UserError(
            f"{file} names {len(names)} classes, {different} of them different; name {wanted}, each once, one a line"
        )
    return names


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
        raise UserError(
            f"{file} names {len(twice):,} that another list has: {summarize(twice)}; a split must not overlap"
        )
    taken.update(dict.fromkeys(names, file))
