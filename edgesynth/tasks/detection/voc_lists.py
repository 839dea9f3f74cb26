"""VOC's own splits: DIR/ImageSets/Main/{train,val,test}.txt, one name a line.

A line may have a 1, 0 or -1 behind the name, as in the lists that VOC has of each class.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from edgesynth.tasks.name_list import names_in, take

MARK = re.compile(r"\s+(1|0|-1)$")


def listed_parts(root: Path, notes: Collection[str]) -> dict[str, list[str]]:
    """Names of each part: by the lists where there are any, else all that are annotated, as `all`.

    Args:
        root: the folder of the data.
        notes: names of all that is annotated, in their order.

    Raises:
        UserError: a list cannot be read, or names what another one has.
    """
    lists = {part: root / "ImageSets" / "Main" / f"{part}.txt" for part in ("train", "val", "test")}
    if not lists["train"].is_file():
        return {"all": list(notes)}
    parts: dict[str, list[str]] = {}
    taken: dict[str, Path] = {}
    for part, file in lists.items():
        if not file.is_file():
            continue
        parts[part] = list(dict.fromkeys(_name(line, notes) for line in names_in(file)))
        take(parts[part], file, taken)
    return parts


def _name(line: str, notes: Collection[str]) -> str:
    """The name in a line; a number that ends it belongs to it where an annotation is called so."""
    return line if line in notes else MARK.sub("", line)
