"""Tensors that a file of weights does not have to have: they stay untrained."""

from __future__ import annotations

from typing import NamedTuple


class Untrained(NamedTuple):
    """Tensors of a network that stay as they are.

    Attributes:
        names: of them.
        note: what starts untrained and why, for the user.
    """

    names: tuple[str, ...]
    note: str
