"""Objects that were handed over: known by a name within this process, and nowhere else."""

from __future__ import annotations

from typing import Any

from edgesynth.errors import UserError

PREFIX = "object:"
_OBJECTS: dict[str, Any] = {}


def register_object(label: str, digest: str, obj: object) -> str:
    """Keep an object and return its name; the digest keeps two objects of one label apart."""
    name = f"{PREFIX}{label}-{digest[:8]}"
    _OBJECTS[name] = obj
    return name


def is_registered(name: str) -> bool:
    """Whether a name is that of an object."""
    return name.startswith(PREFIX)


def registered_object(name: str, instead: str) -> Any:
    """The object that was registered under this name.

    Args:
        name: what `register_object` returned.
        instead: what to give next time, so that any process can find it.

    Raises:
        UserError: it was registered in another process.
    """
    if name not in _OBJECTS:
        raise UserError(
            f"this run was started with {name}, an object that only that Python process knows: go on there, or start "
            f"a run with {instead}"
        )
    return _OBJECTS[name]
