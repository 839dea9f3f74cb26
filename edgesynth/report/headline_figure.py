"""One figure of the headline."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One figure of the headline.

    Attributes:
        label: what it is.
        value: the figure with its unit, or `not measured`.
        detail: from what to what, or why it was not measured.
    """

    label: str
    value: str
    detail: str
