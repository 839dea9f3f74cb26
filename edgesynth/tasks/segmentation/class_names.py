"""Names of classes in a user's own data: `classes.txt` in their folder."""

from __future__ import annotations

from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.tasks.segmentation.class_map import VOID

FILE = "classes.txt"


def own_classes(folder: Path) -> list[str] | None:
    """One name a line, in the order of their numbers from 0; None where there is no such file.

    Raises:
        UserError: it cannot be read, repeats a name, or does not name 2 to 255 classes.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        names = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read ({error}); write one name a line, in UTF-8") from None
    if not 2 <= len(names) <= VOID or len(set(names)) < len(names):
        raise UserError(
            f"{file} names {len(names)} classes, {len(set(names))} of them different; "
            f"name 2 to {VOID}, each once, one a line"
        )
    return names
