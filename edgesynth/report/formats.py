"""How figures are written: thousands separated, fixed decimals, a dash for what was not measured."""

from __future__ import annotations

import math

DASH = "–"


def count(value: float | None) -> str:
    """A whole number, `430,500`."""
    return _written(value, ",.0f")


def short_count(value: float | None) -> str:
    """A whole number of at most ten characters: `2,293,000`, and from 100 million on `125.5 M`."""
    if value is None or not math.isfinite(value) or value < 1e8:
        return count(value)
    power = min(int(math.log10(value)) // 3, 4)
    return f"{value / 1000**power:.4g} {' kMGT'[power]}"


def percent(value: float | None) -> str:
    """A metric in percent, `98.67`."""
    return _written(value, ".2f")


def times(value: float | None) -> str:
    """A ratio, `12.30`; from 1,000 on without decimals."""
    return _written(value, ".2f" if value is None or value < 1000 else ",.0f")


def milliseconds(value: float | None) -> str:
    """A latency in ms, `0.412`; below 0.1 ms with a digit more."""
    return _written(value, ".3f" if value is None or value >= 0.1 else ".4f")


def seconds(value: float | None) -> str:
    """A duration in s, `12.3`."""
    return _written(value, ",.1f")


def decimal(value: float | None) -> str:
    """Any other figure, one decimal, `2,427.3`."""
    return _written(value, ",.1f")


def share(value: float | None) -> str:
    """A share in percent with three digits: `100`, `49.5`, `4.95`, `<0.01`; 0 only where nothing is left."""
    if value is None or not math.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    if value < 0.01:
        return "<0.01"
    # Rounding must not claim that all of a layer is alive when one synapse is not.
    return "100" if value == 100 else f"{min(value, 99.9):.1f}" if value >= 9.995 else f"{value:.2f}"


def _written(value: float | None, form: str) -> str:
    return DASH if value is None or not math.isfinite(value) else format(value, form)
