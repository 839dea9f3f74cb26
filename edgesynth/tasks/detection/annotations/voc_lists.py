"""VOC's own splits: DIR/ImageSets/Main/{train,val,test}.txt, one name a line; trainval.txt where train.txt is missing.

A line may have a 1, 0 or -1 behind the name, as in the lists that VOC has of each class.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from edgesynth.errors import UserError
from edgesynth.tasks.datasets.name_lists import names_in, take

MARK = re.compile(r"\s+(1|0|-1)$")


def listed_parts(root: Path, notes: Collection[str]) -> dict[str, list[str]]:
    """Names of each part: by the lists where there are any, else all that are annotated, as `all`.

    Args:
        root: the folder of the data.
        notes: names of all that is annotated, in their order.

    Raises:
        UserError: a list cannot be read, or names what another one has, or there are lists and none to train on.
    """
    folder = root / "ImageSets" / "Main"
    lists = {part: folder / f"{part}.txt" for part in ("train", "val", "test")}
    if not lists["train"].is_file():
        lists["train"] = folder / "trainval.txt"
    there = [file.name for file in lists.values() if file.is_file()]
    if not there:
        return {"all": list(notes)}
    if not lists["train"].is_file():
        raise UserError(
            f"{folder} has {', '.join(there)} and no train.txt; add it, or take the lists away to split by chance"
        )
    parts: dict[str, list[str]] = {}
    taken: dict[str, Path] = {}
    for part, file in lists.items():
        if not file.is_file():
            continue
        parts[part] = list(dict.fromkeys(_name(line, notes) for line in names_in(file)))
        take(parts[part], file, taken)
    return parts


def _name(line: str, notes: Collection[str]) -> str:
    """The name in a line. A number behind it is dropped, unless an annotation has that name with the number."""
    return line if line in notes else MARK.sub("", line)
