"""What a file of weights has nothing for, and is left aside without being a fault of the file."""

from __future__ import annotations

from typing import NamedTuple


class Aside(NamedTuple):
    """Tensors of a network that stay as they are.

    Attributes:
        names: of them.
        note: what starts untrained and why, for the user.
    """

    names: tuple[str, ...]
    note: str
