"""A summary of many lines: the first few, and the number of the others."""

from __future__ import annotations

from collections.abc import Sequence

NAMED = 3  # the others are counted


def summarize(lines: Sequence[str]) -> str:
    """The first of many lines, and how many more there are."""
    more = f"; and {len(lines) - NAMED:,} more" if len(lines) > NAMED else ""
    return "; ".join(lines[:NAMED]) + more
