"""Things that were handed over as objects: known by a name within this process, and nowhere else."""

from __future__ import annotations

from typing import Any

from edgesynth.errors import UserError

PREFIX = "object:"
_LENT: dict[str, Any] = {}


def lend(label: str, digest: str, thing: object) -> str:
    """Keep a thing and return its name; the digest keeps two things of one label apart."""
    name = f"{PREFIX}{label}-{digest[:8]}"
    _LENT[name] = thing
    return name


def is_lent(name: str) -> bool:
    """Whether a name is that of an object."""
    return name.startswith(PREFIX)


def lent(name: str, instead: str) -> Any:
    """The thing that was lent under this name.

    Args:
        name: what `lend` returned.
        instead: what to give next time, so that any process can find it.

    Raises:
        UserError: it was lent in another process.
    """
    if name not in _LENT:
        raise UserError(
            f"this run was started with {name}, an object that only that Python process knows: go on there, or start "
            f"a run with {instead}"
        )
    return _LENT[name]
