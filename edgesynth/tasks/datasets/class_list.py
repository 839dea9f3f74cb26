"""Names of the classes of a data set in its folder: `classes.txt`, one a line."""

from __future__ import annotations

from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.tasks.datasets.name_list import names_in

FILE = "classes.txt"


def listed_classes(folder: Path, least: int = 1, most: int | None = None) -> list[str] | None:
    """The names in the order of their numbers from 0; None where there is no such file.

    Args:
        folder: of the data set.
        least: classes that there must be.
        most: classes that there may be; None for any number.

    Raises:
        UserError: it cannot be read, repeats a name, or names too few classes or too many.
    """
    file = folder / FILE
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
