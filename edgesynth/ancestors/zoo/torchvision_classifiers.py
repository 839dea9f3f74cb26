"""torchvision's classifiers by the names that they have there: `resnet18` for `torchvision.models:resnet18`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from edgesynth.errors import UserError
from edgesynth.optional import torchvision


def path_of(name: str) -> str | None:
    """`torchvision.models:NAME`; None where torchvision has no classifier of that name, or is not there itself."""
    return f"torchvision.models:{name}" if name in _names() else None


def near_names(name: str, ours: Iterable[str]) -> str:
    """Names of ours and of torchvision's that look like one that neither has, with commas between."""
    return ", ".join(difflib.get_close_matches(name, [*ours, *_names()], n=4))


def why_absent() -> str:
    """What keeps torchvision's classifiers from being known, and what to install; empty where they are."""
    try:
        torchvision()
    except UserError as error:
        return str(error)
    return ""


def _names() -> list[str]:
    if why_absent():
        return []
    models = torchvision().models
    names: list[str] = models.list_models(module=models)
    return names
