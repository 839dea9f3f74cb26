"""The folder of one year of PASCAL VOC, where one above it was given, such as VOCdevkit."""

from __future__ import annotations

from pathlib import Path

from edgesynth.errors import UserError

IMAGES = "JPEGImages"


def year_of(given: Path, layout: str) -> Path:
    """The folder that holds `JPEGImages`.

    Args:
        given: it, VOCdevkit above it, or the folder above that.
        layout: what it should hold, for messages.

    Raises:
        UserError: there is none, or there are several.
    """
    if (given / IMAGES).is_dir():
        return given
    years = sorted(
        folder.parent for pattern in (f"*/{IMAGES}", f"VOCdevkit/*/{IMAGES}") for folder in given.glob(pattern)
    )
    if len(years) > 1:
        raise UserError(f"{given} holds {', '.join(str(folder) for folder in years)}; give one of them")
    if not years:
        raise UserError(f"{given} has no {IMAGES}; give {layout}")
    return years[0]
